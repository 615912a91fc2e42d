"""Fetches the documents of a knowledge leaf: a repository, a commit and patterns become files, or a refusal.

This is the one door through which checks, bot and pipeline reach out for a document. It blocks, for at most
`DocumentLimits.time_s`; call it from a thread. It keeps nothing: a cache is the caller's business, and the commit
makes a good key.
"""

from __future__ import annotations

import hashlib
import re
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from checks.contribution import Leaf
from checks.document_addresses import Resolve, system_addresses
from checks.document_git import ConfinedGit
from checks.document_hosts import GitPlace, check_url, find_git_place, trust_in, unreadable_authorities
from checks.document_patterns import DocumentPattern, pattern_problem, read_pattern
from checks.document_refusals import DocumentOffer, DocumentProblem, DocumentRefusal, RefusalKind, RefusedError
from checks.document_repository import DocumentRepository, TreeEntry
from checks.document_terms import Deadline, DocumentLimits, DocumentReach
from checks.quoting import as_code
from checks.yaml_tree import ListNode, MapNode, Scalar

__all__ = [
    "DocumentFile",
    "DocumentLimits",
    "DocumentOffer",
    "DocumentProblem",
    "DocumentReach",
    "DocumentReference",
    "DocumentRefusal",
    "FetchedDocuments",
    "RefusalKind",
    "Resolve",
    "fetch_documents",
    "reference_of",
    "system_addresses",
]

_FULL_ID = re.compile(r"[0-9a-f]{40}")
_POINTER = b"version https://git-lfs.github.com/spec/"
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_ADDRESS = 2000
_SYSTEM_AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


@dataclass(frozen=True, slots=True)
class DocumentReference:
    """Where a leaf's documents lie, as its author wrote it."""

    repo: str
    commit: str
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """One file of the commit."""

    path: str
    content: bytes = field(repr=False)
    sha256: str

    @property
    def suffix(self) -> str:
        """The ending of its name, in lower case, with the dot."""
        return _suffix(self.path)


@dataclass(frozen=True, slots=True)
class FetchedDocuments:
    """The files the patterns name, by path. `passed_over` names links and submodules, which are never followed.

    `unread` names files that are there but were left out here, see `readable_part`.
    """

    url: str
    commit: str
    files: tuple[DocumentFile, ...]
    passed_over: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def total_bytes(self) -> int:
        """What all files hold together."""
        return sum(len(file.content) for file in self.files)

    def readable_part(self, most_bytes: int) -> FetchedDocuments:
        """Return the documents with only the files that are text, as many as fit; never a part of one."""
        kept: list[DocumentFile] = []
        left = most_bytes
        for file in self.files:
            if file.suffix != ".pdf" and len(file.content) <= left:
                kept.append(file)
                left -= len(file.content)
        taken = {file.path for file in kept}
        unread = (*self.unread, *(file.path for file in self.files if file.path not in taken))
        return replace(self, files=tuple(kept), unread=unread)


def reference_of(leaf: Leaf) -> DocumentReference | None:
    """Return what a leaf says about its documents; None when it names none, or not in the shape of the schema."""
    block = leaf.mapping.get("document") if leaf.mapping else None
    if not isinstance(block, MapNode):
        return None
    repo, commit, listed = (block.get(key) for key in ("repo", "commit", "patterns"))
    if not (isinstance(repo, Scalar) and isinstance(commit, Scalar) and isinstance(listed, ListNode)):
        return None
    patterns = tuple(item.text.strip() for item in listed.items if isinstance(item, Scalar))
    named = commit.text.strip()
    if _FULL_ID.fullmatch(named.lower()):
        named = named.lower()
    return DocumentReference(repo.text.strip(), named, patterns)


def fetch_documents(
    reference: DocumentReference,
    reach: DocumentReach,
    limits: DocumentLimits | None = None,
    *,
    resolve: Resolve = system_addresses,
    scratch: Path | None = None,
) -> FetchedDocuments | DocumentRefusal:
    """Return the files, or why there are none. Nothing of it stays on disk.

    `scratch` is a folder with room for `limits.download_bytes`, instead of the system's own.
    """
    limits = limits or DocumentLimits()
    try:
        with tempfile.TemporaryDirectory(prefix="documents-", dir=scratch, ignore_cleanup_errors=True) as folder:
            return _fetched(reference, reach, limits, resolve, Path(folder))
    except RefusedError as refused:
        return refused.refusal
    except OSError as error:
        words = "Could not verify the document: this machine had no room or no means to fetch it."
        return DocumentRefusal(DocumentProblem.OWN_SIDE, words, str(error))


def _fetched(
    reference: DocumentReference, reach: DocumentReach, limits: DocumentLimits, resolve: Resolve, folder: Path
) -> FetchedDocuments:
    patterns = _checked(reference, reach, limits)
    deadline = Deadline(limits.time_s)
    place, git = connect(reference.repo, reach, limits, resolve, folder, deadline)
    repository = DocumentRepository(git, reference.commit, limits)
    repository.fetch_commit()
    repository.prove_reachable()
    entries = repository.entries()
    chosen, passed_over = _choose(patterns, entries, limits, deadline)
    _check_types([entry.path for entry in chosen], reach)
    contents = repository.contents([entry.blob for entry in chosen], limits.total_bytes)
    files = tuple(_file(entry.path, contents[entry.blob]) for entry in chosen)
    if sum(len(file.content) for file in files) > limits.total_bytes:
        raise RefusedError(
            DocumentProblem.TOO_LARGE,
            f"The documents are larger than {limits.total_bytes / 2**20:g} MiB together.",
        )
    return FetchedDocuments(place.url, reference.commit, files, passed_over)


def connect(
    repo: str, reach: DocumentReach, limits: DocumentLimits, resolve: Resolve, folder: Path, deadline: Deadline
) -> tuple[GitPlace, ConfinedGit]:
    """Return where a repository is, with a git in `folder` that can ask nobody else. Raises RefusedError."""
    authorities = _authorities(reach, folder)
    place = find_git_place(repo, reach, trust_in(authorities), resolve, deadline)
    git = ConfinedGit(folder / "git", place, authorities, limits, deadline)
    git.begin()
    return place, git


def _checked(
    reference: DocumentReference, reach: DocumentReach, limits: DocumentLimits
) -> tuple[DocumentPattern, ...]:
    """Return the patterns, once everything that is written was found fit to be used."""
    check_url(reference.repo[:_LONGEST_ADDRESS], reach)
    if _FULL_ID.fullmatch(reference.commit) is None:
        raise RefusedError(
            DocumentProblem.COMMIT_ID, f"{as_code(reference.commit)} is not a full commit id of 40 characters."
        )
    if not reference.patterns or len(reference.patterns) > limits.patterns:
        words = f"{len(reference.patterns)} patterns are named; there must be 1 to {limits.patterns}."
        raise RefusedError(DocumentProblem.PATTERN, words)
    for pattern in reference.patterns:
        if problem := pattern_problem(pattern):
            raise RefusedError(DocumentProblem.PATTERN, f"The pattern {as_code(pattern, 100)} {problem}.")
    return tuple(map(read_pattern, reference.patterns))


def _authorities(reach: DocumentReach, folder: Path) -> Path | None:
    """Return a file with the system's authorities and the operator's own; None where an operator adds none.

    Git takes such a file instead of the system's, so both are written into one.
    """
    if reach.ca_file is None:
        return None
    known = ssl.get_default_verify_paths()
    systems = (known.cafile, known.openssl_cafile, *_SYSTEM_AUTHORITIES)
    system = next((Path(file) for file in systems if file and Path(file).is_file()), None)
    both = folder / "authorities.pem"
    try:
        both.write_bytes(reach.ca_file.read_bytes() + b"\n" + (system.read_bytes() if system else b""))
    except OSError as error:
        raise unreadable_authorities(str(error)) from None
    return both


def _choose(
    patterns: Sequence[DocumentPattern],
    entries: Sequence[TreeEntry],
    limits: DocumentLimits,
    deadline: Deadline,
) -> tuple[tuple[TreeEntry, ...], tuple[str, ...]]:
    """Return the files that are meant, and the links and submodules that are not followed, by path."""
    chosen: dict[str, TreeEntry] = {}
    passed_over: set[str] = set()
    for pattern in patterns:
        named = list(_named(pattern, entries, deadline))
        files = [entry for entry in named if entry.is_file]
        passed_over |= {entry.path for entry in named if not entry.is_file}
        if not files:
            raise RefusedError(DocumentProblem.NO_FILES, _why_nothing(pattern, named, entries))
        chosen |= {entry.path: entry for entry in files}
        if len(chosen) > limits.files:
            raise RefusedError(DocumentProblem.TOO_MANY_FILES, f"The patterns name more than {limits.files} files.")
    return tuple(chosen[path] for path in sorted(chosen)), tuple(sorted(passed_over))


def _named(pattern: DocumentPattern, entries: Sequence[TreeEntry], deadline: Deadline) -> Iterator[TreeEntry]:
    for number, entry in enumerate(entries):
        if number % 2000 == 0 and deadline.has_passed:
            raise RefusedError(
                DocumentProblem.TIMEOUT, "Could not verify the document: looking for its files took too long."
            )
        if pattern.names(entry.path) and not _UNSHOWN.search(entry.path):
            yield entry


def _why_nothing(pattern: DocumentPattern, named: Sequence[TreeEntry], entries: Sequence[TreeEntry]) -> str:
    shown = as_code(pattern.text, 100)
    if any(entry.is_link for entry in named):
        return f"{shown} is a link to another place, not a file; links are not followed."
    if named:
        return f"{shown} is another repository inside that one (a submodule), not a file."
    if any(e.is_submodule and pattern.text.startswith(f"{e.path}/") for e in entries):
        return f"{shown} lies in another repository inside that one (a submodule), which is not fetched."
    if any(e.is_link and pattern.text.startswith(f"{e.path}/") for e in entries):
        return f"{shown} lies behind a link; links are not followed."
    if any(e.path.startswith(f"{pattern.text.rstrip('/')}/") for e in entries):
        return f"{shown} is a folder at that commit, not a file."
    near = next((e.path for e in entries if e.path.lower() == pattern.text.lower()), "")
    if near:
        return f"There is no file {shown} at that commit, but {as_code(near, 100)}: upper and lower case count."
    return f"No file at that commit fits {shown}."


def _check_types(paths: Sequence[str], reach: DocumentReach) -> None:
    suffixes = {_suffix(path): path for path in reversed(paths)}
    for suffix, path in suffixes.items():
        if suffix not in reach.suffixes:
            accepted = " or ".join(reach.suffixes) or "none at present"
            raise RefusedError(
                DocumentProblem.FILE_TYPE, f"{as_code(path, 100)} is no document of an accepted kind: {accepted}."
            )
    if len(suffixes) > 1:
        words = " and ".join(sorted(suffixes))
        raise RefusedError(DocumentProblem.MIXED_TYPES, f"The patterns name files of different kinds: {words}.")


def _file(path: str, content: bytes) -> DocumentFile:
    """Return the file. Raises RefusedError when it holds something else than its name says."""
    if content.startswith(_POINTER):
        raise RefusedError(
            DocumentProblem.LARGE_FILE_STORE,
            f"{as_code(path, 100)} is only a note that the file lies elsewhere (Git LFS), which is not fetched.",
        )
    if problem := _content_problem(_suffix(path), content):
        raise RefusedError(DocumentProblem.UNREADABLE, f"{as_code(path, 100)} {problem}.")
    return DocumentFile(path, content, hashlib.sha256(content).hexdigest())


def _content_problem(suffix: str, content: bytes) -> str:
    if suffix == ".pdf":
        return "" if content[:1024].lstrip().startswith(b"%PDF-") else "is called a PDF but is none"
    if b"\0" in content:
        return "is not text"
    try:
        return "" if content.decode("utf-8-sig").strip() else "is empty"
    except UnicodeDecodeError as error:
        return f"is not written in UTF-8 (byte {error.start})"


def _suffix(path: str) -> str:
    name = path.rpartition("/")[2].lower()
    return f".{name.rpartition('.')[2]}" if "." in name else ""
