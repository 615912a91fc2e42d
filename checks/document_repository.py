"""A document's repository, seen through git: is the commit part of it, what files has it, what do they hold?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from checks.document_git import ConfinedGit, GitFailedError, OutputTooLongError
from checks.document_refusals import DocumentProblem, RefusedError
from checks.document_terms import DocumentLimits
from checks.local_git import GitError, framed_objects

_FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--stdin")
_REFUSES_OBJECT = re.compile(r"not our ref|unadvertised object|no such remote ref|couldn't find remote ref")
_OBJECT = re.compile(rb"[0-9a-f]{40}")
_SEVERAL = 512  # object names asked for in one fetch


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One path of the commit. `mode` as git writes it: 100644, 100755, 120000 a link, 160000 a submodule."""

    path: str
    mode: str
    blob: str

    @property
    def is_file(self) -> bool:
        """True for a regular file."""
        return self.mode.startswith("100")

    @property
    def is_link(self) -> bool:
        """True for a symbolic link, which is never followed."""
        return self.mode == "120000"

    @property
    def is_submodule(self) -> bool:
        """True where another repository is linked in."""
        return self.mode == "160000"


@dataclass(frozen=True, slots=True)
class _Tips:
    """What the server's branches and tags point to; `head` is the tip of its default branch."""

    head: str | None
    all: tuple[str, ...]


class DocumentRepository:
    """Answers about one commit of one repository. Every method raises RefusedError."""

    def __init__(self, git: ConfinedGit, commit: str, limits: DocumentLimits) -> None:
        self._git = git
        self._commit = commit
        self._limits = limits

    def fetch_commit(self) -> None:
        """Fetch the commit with its folders, without files and without history."""
        try:
            self._fetch([self._commit], "--depth=1", "--filter=blob:none")
        except GitFailedError as error:
            if _REFUSES_OBJECT.search(error.said):
                raise RefusedError(
                    DocumentProblem.NO_COMMIT, f"The commit {self._commit} is not in that repository.", error.said
                ) from None
            raise _judged(error) from None
        kind = self._kinds([self._commit])[self._commit]
        if kind != "commit":
            what = {"tag": "a tag", "tree": "a folder", "blob": "a file"}.get(kind, "nothing we were sent")
            raise RefusedError(
                DocumentProblem.NOT_A_COMMIT, f"{self._commit} is not the id of a commit but of {what}."
            )

    def prove_reachable(self) -> None:
        """Make sure that a branch or tag of this repository leads to the commit.

        Hosts show the commits of forks and pull requests under the parent's address, so that the commit can be
        fetched proves nothing.
        """
        tips = self._tips()
        if self._commit in tips.all:
            return
        if tips.head is not None and self._leads_here([tips.head]):
            return
        others = [tip for tip in tips.all if tip != tips.head]
        if len(others) > self._limits.tips:
            raise self._long_history(f"{len(others)} tips")
        if others and self._leads_here(others):
            return
        raise RefusedError(
            DocumentProblem.NOT_REACHABLE,
            f"No branch and no tag of that repository leads to the commit {self._commit}.",
        )

    def entries(self) -> tuple[TreeEntry, ...]:
        """Return every path of the commit whose name is text."""
        try:
            raw = self._git.read(
                "ls-tree", "-r", "-z", "--full-tree", self._commit, most_bytes=self._limits.tree_bytes
            )
        except OutputTooLongError:
            raise self._too_many() from None
        except GitFailedError as error:
            raise _judged(error) from None
        records = raw.split(b"\0")[:-1]
        if len(records) > self._limits.tree_files:
            raise self._too_many()
        return tuple(entry for entry in map(_entry, records) if entry is not None)

    def contents(self, blobs: Sequence[str], most_bytes: int) -> dict[str, bytes]:
        """Return files by their object names. Those that are larger together than given are refused."""
        wanted = list(dict.fromkeys(blobs))
        try:
            for start in range(0, len(wanted), _SEVERAL):
                self._fetch(wanted[start : start + _SEVERAL], "--filter=blob:none")
            sizes = self._sizes(wanted)
            if sum(sizes.values()) > most_bytes or max(sizes.values(), default=0) > self._limits.file_bytes:
                raise self._too_large()
            answers = self._git.read(
                "cat-file", "--batch", stdin=_lines(wanted), most_bytes=most_bytes + 100 * (len(wanted) + 1)
            )
            return dict(zip(wanted, framed_objects(answers), strict=True))
        except GitFailedError as error:
            raise _judged(error) from None
        except (GitError, OutputTooLongError, ValueError) as error:
            raise _incomplete(str(error)) from None

    def _fetch(self, objects: Sequence[str], *options: str) -> None:
        self._git.ask(*_FETCH, *options, "source", stdin=_lines(objects))

    def names(self) -> dict[str, str]:
        """Return the object that each branch and tag points to, by its short name; a branch hides a tag."""
        found: dict[str, str] = {}
        for name, tip in self._refs().items():
            for kind in (b"refs/heads/", b"refs/tags/"):
                if name.startswith(kind):
                    found.setdefault(name.removeprefix(kind).decode("utf-8", "replace"), tip)
        return found

    def commit_that_begins(self, prefix: str) -> str:
        """Return the one commit of the history whose id begins so; empty when there is none, or several.

        `prefix` holds hexadecimal digits alone.
        """
        tips = tuple(dict.fromkeys(self.names().values()))
        if len(tips) > self._limits.tips:
            raise self._long_history(f"{len(tips)} tips")
        try:
            self._fetch(tips, "--filter=tree:0")
            asked = self._git.read("cat-file", "--batch-check", stdin=f"{prefix}^{{commit}}\n".encode("ascii"))
        except GitFailedError as error:
            raise _judged(error) from None
        except OutputTooLongError as error:
            raise _incomplete(str(error)) from None
        found, _, kind = asked.partition(b" ")
        return found.decode("ascii") if kind.startswith(b"commit ") and _OBJECT.fullmatch(found) else ""

    def _tips(self) -> _Tips:
        named = self._refs()
        head = named.pop(b"HEAD", None)
        tips = {tip: None for name, tip in named.items() if name.startswith((b"refs/heads/", b"refs/tags/"))}
        return _Tips(head if head in tips else None, tuple(tips))

    def _refs(self) -> dict[bytes, str]:
        """Return what each name on the server points to; of a tag, what is tagged."""
        try:
            raw = self._git.ask(
                "ls-remote", "source", "HEAD", "refs/heads/*", "refs/tags/*", most_bytes=self._limits.refs_bytes
            )
        except OutputTooLongError:
            raise self._long_history("the list of branches and tags is too long") from None
        except GitFailedError as error:
            raise _judged(error) from None
        named: dict[bytes, str] = {}
        for line in raw.splitlines():
            tip, _, name = line.partition(b"\t")
            if _OBJECT.fullmatch(tip):
                named[name.removesuffix(b"^{}")] = tip.decode("ascii")  # a tag's commit comes after the tag itself
        return named

    def _leads_here(self, tips: Sequence[str]) -> bool:
        """Fetch the history of these tips, commits alone, and look for ours in it."""
        try:
            self._fetch(tips, "--filter=tree:0", f"--negotiation-tip={self._commit}")
            kinds = self._kinds(tips)
            commits = [f"^{tip}" for tip in tips if kinds[tip] == "commit"]
            asked = _lines([self._commit, *commits])
            left = self._git.read("rev-list", "--max-count=1", "--stdin", stdin=asked)
        except RefusedError as refused:
            if refused.refusal.problem is DocumentProblem.TOO_LARGE:
                raise self._long_history(refused.refusal.message) from None
            raise
        except GitFailedError as error:
            raise _judged(error) from None
        return bool(commits) and not left.strip()

    def _kinds(self, objects: Sequence[str]) -> dict[str, str]:
        return {name: said[0] for name, said in self._looked_up(objects).items()}

    def _sizes(self, objects: Sequence[str]) -> dict[str, int]:
        found = self._looked_up(objects)
        if any(said[0] != "blob" for said in found.values()):
            raise _incomplete("a file was not sent")
        return {name: int(said[1]) for name, said in found.items()}

    def _looked_up(self, objects: Sequence[str]) -> dict[str, list[str]]:
        """Return kind and size of each object, or the one word "missing"."""
        try:
            raw = self._git.read(
                "cat-file", "--batch-check", stdin=_lines(objects), most_bytes=200 * (len(objects) + 1)
            )
        except (GitFailedError, OutputTooLongError) as error:
            raise _incomplete(str(error)) from None
        lines = [line.split() for line in raw.decode("ascii", "replace").splitlines()]
        return {line[0]: line[1:] for line in lines}

    def _too_many(self) -> RefusedError:
        return RefusedError(
            DocumentProblem.TOO_MANY_FILES,
            f"That repository holds more than {self._limits.tree_files} files at the commit, or longer names than "
            "can be looked through.",
        )

    def _too_large(self) -> RefusedError:
        limits = self._limits
        return RefusedError(
            DocumentProblem.TOO_LARGE,
            f"The documents are too large: at most {limits.file_bytes / 2**20:g} MiB each and "
            f"{limits.total_bytes / 2**20:g} MiB together.",
        )

    def _long_history(self, detail: str) -> RefusedError:
        return RefusedError(
            DocumentProblem.LONG_HISTORY,
            f"The history of that repository is too large to find the commit {self._commit} in it.",
            detail,
        )


def _lines(objects: Sequence[str]) -> bytes:
    return "".join(f"{name}\n" for name in objects).encode("ascii")


def _entry(record: bytes) -> TreeEntry | None:
    """Read `MODE TYPE OBJECT<tab>PATH`; a path that is not UTF-8 can be named by no pattern."""
    head, _, path = record.partition(b"\t")
    mode, _, blob = head.decode("ascii").split(" ")
    try:
        return TreeEntry(path.decode("utf-8"), mode, blob)
    except UnicodeDecodeError:
        return None


def _judged(error: GitFailedError) -> RefusedError:
    """Tell a broken repository from trouble on the way."""
    if re.search(r"fsck error|error in object|invalid (?:index-pack output|object)|bad object", error.said):
        return RefusedError(
            DocumentProblem.BROKEN, "That repository holds objects that git itself calls broken.", error.said
        )
    return _incomplete(error.said)


def _incomplete(detail: str) -> RefusedError:
    return RefusedError(
        DocumentProblem.SERVER, "Could not verify the document: its server did not send all of it.", detail
    )
