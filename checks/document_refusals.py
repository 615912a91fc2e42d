"""Why a document was not fetched: whose turn it is, what is wrong, and how it is put right."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RefusalKind(StrEnum):
    """What a refusal means for the contribution."""

    CONTRIBUTION = "contribution"  # its author can put it right
    POLICY = "policy"  # not allowed here
    UNVERIFIED = "could not verify"  # trouble on the way or on our side: no judgement, try again


class DocumentProblem(StrEnum):
    """What kept us from the document; the value is stable and may be stored."""

    ADDRESS = "address"
    COMMIT_ID = "commit-id"
    PATTERN = "pattern"
    NO_REPOSITORY = "no-repository"
    NO_COMMIT = "no-commit"
    NOT_A_COMMIT = "not-a-commit"
    NOT_REACHABLE = "not-reachable"
    LONG_HISTORY = "long-history"
    NO_FILES = "no-files"
    FILE_TYPE = "file-type"
    MIXED_TYPES = "mixed-types"
    LARGE_FILE_STORE = "large-file-store"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too-large"
    TOO_MANY_FILES = "too-many-files"
    BROKEN = "broken"
    HOST = "host"
    PRIVATE_ADDRESS = "private-address"
    REDIRECT = "redirect"
    OFFLINE = "offline"
    CERTIFICATE = "certificate"
    SERVER = "server"
    TIMEOUT = "timeout"
    OWN_SIDE = "own-side"
    NOT_YET = "not-yet"


_POLICY = {DocumentProblem.HOST, DocumentProblem.PRIVATE_ADDRESS, DocumentProblem.REDIRECT}
_UNVERIFIED = {
    DocumentProblem.OFFLINE,
    DocumentProblem.CERTIFICATE,
    DocumentProblem.SERVER,
    DocumentProblem.TIMEOUT,
    DocumentProblem.OWN_SIDE,
    DocumentProblem.NOT_YET,
}
_AGAIN = "Nothing is wrong with the contribution as far as we know. It is tried again later."
_ELSEWHERE = "Put the document into a public repository on an accepted host, and name that."
_REMEDIES = {
    DocumentProblem.ADDRESS: "Write the address of the repository itself, such as https://github.com/NAME/REPOSITORY.git.",
    DocumentProblem.COMMIT_ID: "Copy the full id (40 characters) of the commit from the list of commits on the "
    "repository's page, or run git rev-parse HEAD.",
    DocumentProblem.PATTERN: "Write the path from the top folder of that repository, such as docs/birds.md.",
    DocumentProblem.NO_REPOSITORY: "Check the address in a private browser window: the repository must be there "
    "for people who are not signed in.",
    DocumentProblem.NO_COMMIT: "Push the commit to that repository, or write the id of one that is there.",
    DocumentProblem.NOT_A_COMMIT: "Write the id of the commit itself.",
    DocumentProblem.NOT_REACHABLE: "Name the repository the commit was made in, or merge it into a branch here. "
    "A commit of a fork or of an open pull request is not kept for ever.",
    DocumentProblem.LONG_HISTORY: "Name the newest commit of a branch, or give the commit a tag and push that.",
    DocumentProblem.NO_FILES: "Copy the path of the file from the repository's page at exactly that commit.",
    DocumentProblem.FILE_TYPE: "Name only documents of an accepted kind.",
    DocumentProblem.MIXED_TYPES: "Use only one kind: all .md or all .pdf.",
    DocumentProblem.LARGE_FILE_STORE: "Commit the text itself, without Git LFS, and name the new commit.",
    DocumentProblem.UNREADABLE: "Save it as plain Markdown in UTF-8, or as a PDF with the ending .pdf, and name "
    "the new commit.",
    DocumentProblem.TOO_LARGE: "Put the document alone into a small repository of your own, and name that.",
    DocumentProblem.TOO_MANY_FILES: "Name the files you mean one by one.",
    DocumentProblem.BROKEN: "Put the document into a new repository of your own, and name that.",
    DocumentProblem.HOST: _ELSEWHERE,
    DocumentProblem.PRIVATE_ADDRESS: _ELSEWHERE,
    DocumentProblem.REDIRECT: "Open the address in a browser and write the one you end up at.",
    DocumentProblem.OFFLINE: _AGAIN,
    DocumentProblem.CERTIFICATE: _AGAIN,
    DocumentProblem.SERVER: _AGAIN,
    DocumentProblem.TIMEOUT: _AGAIN,
    DocumentProblem.OWN_SIDE: "Nothing is wrong with the contribution as far as we know. Ask whoever runs this.",
    DocumentProblem.NOT_YET: "There is nothing to do. It is looked at as soon as it is there.",
}


@dataclass(frozen=True, slots=True)
class DocumentOffer:
    """What could be written instead: an address, a full commit and paths that were found there."""

    repo: str
    commit: str
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentRefusal:
    """Why there is no document. `message` is for people, in our words.

    `detail` is for the log of whoever runs this, and may name addresses of a network of theirs: never show it to
    contributors. `offer` is what was meant, where that could be found out.
    """

    problem: DocumentProblem
    message: str
    detail: str = ""
    offer: DocumentOffer | None = None

    @property
    def kind(self) -> RefusalKind:
        """Whose turn it is."""
        if self.problem in _POLICY:
            return RefusalKind.POLICY
        return RefusalKind.UNVERIFIED if self.problem in _UNVERIFIED else RefusalKind.CONTRIBUTION

    @property
    def remedy(self) -> str:
        """What to do, beginning with one thing."""
        return _REMEDIES[self.problem]

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}"


class RefusedError(Exception):
    """Carries a refusal from wherever it was found to `fetch_documents`, which returns it; it goes no further."""

    def __init__(self, problem: DocumentProblem, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.refusal = DocumentRefusal(problem, message, detail)
