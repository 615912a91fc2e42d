"""Reads a git repository for facts, and never writes to it.

Only plumbing commands with argument lists are run, with every hook, filter, pager, signature check and
network transport that a checkout's own configuration could name switched off: a checkout may come from
anyone. Commits and files are read through `git cat-file`, whose answers carry their own length, so no name
and no message can be mistaken for something else.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from checks.contribution import Commit, FileKind, FileStatus, Identity, Sha

DEFAULT_BRANCHES = (
    "refs/remotes/upstream/HEAD",
    "refs/remotes/upstream/main",
    "refs/remotes/upstream/master",
    "refs/remotes/origin/HEAD",
    "refs/remotes/origin/main",
    "refs/remotes/origin/master",
    "refs/heads/main",
    "refs/heads/master",
)

_HARDENED = (
    "--no-pager",
    "--literal-pathspecs",
    *(
        part
        for setting in (
            "core.fsmonitor=false",
            "core.hooksPath=/dev/null",
            "core.quotePath=false",
            "core.pager=cat",
            "diff.external=",
            "log.showSignature=false",
            "submodule.recurse=false",
        )
        for part in ("-c", setting)
    ),
)
_TIMEOUT_S = 60
_FOREIGN_ENVIRONMENT = (  # set by git for its hooks and aliases; they may name another repository
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_EXTERNAL_DIFF",
    "GIT_DIFF_OPTS",
    "GIT_TRACE",
)
_KINDS = {"120000": FileKind.SYMLINK, "160000": FileKind.SUBMODULE}
_ENCODINGS = re.compile(
    r"(?i)(iso-?8859-?\d+|latin-?1|(windows|cp)-?125\d|shift[-_]?jis|euc-?\w\w|gbk?|big5|koi8-\w)"
)
_IDENTITY = re.compile(r"^(?P<name>.*?)\s*<(?P<email>[^<>]*)>")


class GitError(Exception):
    """Git could not answer. The text is git's own first line, for people."""


class NoRepositoryError(GitError):
    """The folder lies in no git working tree."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """One changed file as git lists it; `blob` is the object at HEAD, None when it is not committed there."""

    path: str
    status: FileStatus
    kind: FileKind
    blob: str | None
    previous_path: str | None = None
    previous_blob: str | None = None


@dataclass(frozen=True, slots=True)
class Blob:
    """An object's size, and its bytes unless it is larger than asked for."""

    size: int
    content: bytes | None


@dataclass(frozen=True, slots=True)
class ListedBlob:
    """A regular file of a commit: the name of its object, and its size."""

    name: str
    size: int


@dataclass(frozen=True)
class Repository:
    """A git working tree; `top` is its root folder, with every link in its path resolved."""

    top: Path

    @classmethod
    def around(cls, folder: Path) -> Repository:
        """Return the repository whose working tree holds `folder`. Raises NoRepositoryError."""
        try:
            top = _run(folder, ("rev-parse", "--show-toplevel"))
        except GitError as error:
            if "not a git repository" in str(error) or "work tree" in str(error):
                raise NoRepositoryError(str(error)) from None
            raise
        return cls(Path(os.fsdecode(top.removesuffix(b"\n"))).resolve())

    def commit_of(self, revision: str) -> Sha | None:
        """Return the commit a revision names, or None. A name that git could take for an option names none."""
        if not revision or revision.startswith("-") or any(ord(c) < 32 for c in revision):
            return None
        try:
            found = self._git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        except GitError:
            return None
        return Sha(found.decode("ascii").strip())

    def default_branch(self) -> str | None:
        """Return the ref a pull request would go to; None when the checkout does not tell.

        A fork's `upstream` goes before its `origin`; the branch that is checked out is no answer.
        """
        own = self.current_branch()
        for ref in DEFAULT_BRANCHES:
            if ref != f"refs/heads/{own}" and self.commit_of(ref) is not None:
                return ref
        return None

    def current_branch(self) -> str | None:
        """Return the name of the branch that is checked out; None for a detached HEAD."""
        try:
            return os.fsdecode(self._git("symbolic-ref", "--quiet", "--short", "HEAD").strip())
        except GitError:
            return None

    def merge_base(self, one: Sha, other: Sha) -> Sha | None:
        """Return the commit where two lines of history parted; None when they share nothing here."""
        try:
            return Sha(self._git("merge-base", one, other).decode("ascii").split()[0])
        except (GitError, IndexError):
            return None

    @property
    def is_shallow(self) -> bool:
        """True when the history was cut off on cloning."""
        return self._git("rev-parse", "--is-shallow-repository").strip() == b"true"

    @cached_property
    def converts_line_ends(self) -> bool:
        """True when git writes CRLF line ends into the working tree that are not in the commits."""
        try:
            return self._git("config", "--get", "core.autocrlf").strip() in (b"true", b"input")
        except GitError:
            return False

    def changes_between(self, base: Sha, head: Sha) -> tuple[FileChange, ...]:
        """Return what differs between two commits, renames found, working tree left aside."""
        raw = self._git(
            "diff-tree",
            "-r",
            "-z",
            "--raw",
            "--no-abbrev",
            "--find-renames",
            "--no-ext-diff",
            "--no-textconv",
            base,
            head,
        )
        return tuple(_changes(raw))

    def uncommitted(self, head: Sha | None) -> tuple[FileChange, ...]:
        """Return tracked files that may differ from `head`, by their names and times alone.

        Contents are not compared: that could start filters of the checkout's configuration.
        """
        if head is None:
            return ()
        raw = self._git(
            "diff-index",
            "-z",
            "--raw",
            "--no-abbrev",
            "--no-renames",
            "--no-ext-diff",
            "--ignore-submodules=dirty",
            head,
            "--",
        )
        return tuple(_changes(raw))

    def untracked(self) -> tuple[str, ...]:
        """Return the files git does not know and does not ignore."""
        return _names(self._git("ls-files", "-z", "--others", "--exclude-standard"))

    def tracked(self) -> dict[str, FileKind]:
        """Return every path of the index with its kind."""
        kinds: dict[str, FileKind] = {}
        for entry in _names(self._git("ls-files", "-z", "--stage")):
            mode, _, rest = entry.partition(" ")
            kinds[rest.partition("\t")[2]] = _KINDS.get(mode, FileKind.REGULAR)
        return kinds

    def paths_at(self, commit: Sha) -> frozenset[str]:
        """Return every path of a commit."""
        return frozenset(_names(self._git("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit)))

    def blobs_listed(self, commit: Sha) -> dict[str, ListedBlob]:
        """Return the regular files of a commit by path."""
        found = {}
        for entry in _names(self._git("ls-tree", "-r", "-l", "-z", "--full-tree", commit)):
            about, _, path = entry.partition("\t")
            mode, kind, name, size = about.split()
            if kind == "blob" and mode.startswith("100") and size.isdigit():
                found[path] = ListedBlob(name, int(size))
        return found

    def commits_between(self, base: Sha, head: Sha) -> tuple[Commit, ...]:
        """Return the commits of `head` that `base` lacks, oldest first. No signature is verified here."""
        listed = self._git("rev-list", "--reverse", "--topo-order", head, f"^{base}").decode("ascii").split()
        answers = self._cat_file("--batch", listed)
        return tuple(_commit(Sha(sha), raw) for sha, raw in zip(listed, framed_objects(answers), strict=True))

    def blobs(self, objects: Sequence[str], max_bytes: int) -> dict[str, Blob]:
        """Return objects by name; those larger than `max_bytes` without their content."""
        wanted = list(dict.fromkeys(objects))
        sizes = dict(zip(wanted, _sizes(self._cat_file("--batch-check", wanted)), strict=True))
        small = [name for name in wanted if sizes[name] <= max_bytes]
        contents = dict(zip(small, framed_objects(self._cat_file("--batch", small)), strict=True))
        return {name: Blob(sizes[name], contents.get(name)) for name in wanted}

    def blob_at(self, commit: Sha, path: str, max_bytes: int) -> Blob | None:
        """Return the regular file at `path` of a commit, or None when there is none."""
        entry = self._git("ls-tree", "-z", "--full-tree", commit, "--", path)
        mode, _, rest = entry.partition(b" ")
        if not mode.startswith(b"100"):
            return None
        name = rest.split()[1].decode("ascii")
        return self.blobs([name], max_bytes)[name]

    def _cat_file(self, mode: str, objects: Sequence[str]) -> bytes:
        if not objects:
            return b""
        return self._git("cat-file", mode, stdin="".join(f"{name}\n" for name in objects).encode("ascii"))

    def _git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        return _run(self.top, arguments, stdin)


def read_worktree_file(top: Path, path: str, max_bytes: int) -> tuple[FileKind, Blob] | None:
    """Return a file of the working tree as it lies there, links never followed; None when there is none."""
    place = top / path
    if place.parent.resolve() != place.parent:
        return None  # a folder on the way is a link: git does not track what lies behind it
    try:
        found = place.lstat()
        if stat.S_ISLNK(found.st_mode):
            return FileKind.SYMLINK, Blob(found.st_size, None)
        if stat.S_ISDIR(found.st_mode):
            return FileKind.SUBMODULE, Blob(0, None)
        if not stat.S_ISREG(found.st_mode):
            return None
        return FileKind.REGULAR, _read_regular(place, max_bytes)
    except OSError:
        return None


def _read_regular(place: Path, max_bytes: int) -> Blob:
    descriptor = os.open(place, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        content = stream.read(max_bytes + 1) if size <= max_bytes else None
    if content is not None and len(content) > max_bytes:
        return Blob(len(content), None)
    return Blob(size if content is None else len(content), content)


def _run(folder: Path, arguments: Iterable[str], stdin: bytes = b"") -> bytes:
    command = ["git", *_HARDENED, *arguments]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=_environment(),
            input=stdin,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        raise GitError("git itself is not installed, or not on the PATH") from None
    except subprocess.TimeoutExpired:
        raise GitError(f"git did not answer within {_TIMEOUT_S} seconds") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        raise GitError(said.removeprefix("fatal: ") or f"git ended with status {done.returncode}")
    return done.stdout


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN_ENVIRONMENT}
    return kept | {
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "LC_ALL": "C",
    }


def _names(raw: bytes) -> tuple[str, ...]:
    return tuple(os.fsdecode(name) for name in raw.split(b"\0") if name)


def _changes(raw: bytes) -> Iterator[FileChange]:
    """Read git's raw format: `:mode mode object object STATUS`, then one path, or two for a rename."""
    fields = iter(_names(raw))
    for head in fields:
        old_mode, mode, old_blob, blob, letter = head.removeprefix(":").split(" ")
        path = next(fields)
        previous = None
        if letter[0] in "RC":
            previous, path = path, next(fields)
        kind = _KINDS.get(old_mode if letter == "D" else mode, FileKind.REGULAR)
        status = _STATUS.get(letter[0], FileStatus.MODIFIED)
        yield FileChange(path, status, kind, _object(blob), previous, _object(old_blob))


def _object(name: str) -> str | None:
    return name if name.strip("0") else None


_STATUS = {"A": FileStatus.ADDED, "C": FileStatus.ADDED, "D": FileStatus.REMOVED, "R": FileStatus.RENAMED}


def _sizes(answers: bytes) -> Iterator[int]:
    for line in answers.decode("ascii").splitlines():
        name, _, rest = line.partition(" ")
        if rest == "missing":
            raise GitError(f"the object {name} is not in this clone (a partial clone?)")
        yield int(rest.split()[1])


def framed_objects(answers: bytes) -> Iterator[bytes]:
    """Read `cat-file --batch`: a line that ends in the length, that many bytes, a line end. Raises GitError."""
    at = 0
    while at < len(answers):
        line_end = answers.index(b"\n", at)
        size = answers[at:line_end].rsplit(b" ", 1)[1]
        if not size.isdigit():
            raise GitError("an object is not in this clone (a partial clone?)")
        at = line_end + 1 + int(size)
        yield answers[line_end + 1 : at]
        at += 1


def _commit(sha: Sha, raw: bytes) -> Commit:
    head, _, body = raw.partition(b"\n\n")
    headers: dict[str, list[bytes]] = {}
    for line in head.split(b"\n"):
        key, _, value = line.partition(b" ")
        headers.setdefault(key.decode("ascii", "replace"), []).append(value)
    encoding = headers.get("encoding", [b"utf-8"])[0].decode("ascii", "replace")
    return Commit(
        sha=sha,
        message=_decoded(body.partition(b"\0")[0], encoding),
        author=_identity(_decoded(headers.get("author", [b""])[0], encoding)),
        committer=_identity(_decoded(headers.get("committer", [b""])[0], encoding)),
        parents=tuple(Sha(p.decode("ascii")) for p in headers.get("parent", [])),
    )


def _decoded(raw: bytes, encoding: str) -> str:
    known = encoding if _ENCODINGS.fullmatch(encoding) else "utf-8"
    try:
        return raw.decode(known, "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")


def _identity(line: str) -> Identity:
    found = _IDENTITY.match(line)
    return Identity(found["name"], found["email"]) if found else Identity(line, "")
