"""From paths on a disk to a contribution: what of a checkout is to be judged, and in which words to say so."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from checks.contribution import (
    ATTRIBUTION_FILE,
    FOUNDATIONAL_ROOT,
    LEAF_FILE,
    ROOTS,
    ChangedFile,
    Commit,
    Contribution,
    FileKind,
    FileStatus,
    Sha,
    read_contribution,
)
from checks.local_git import Blob, FileChange, GitError, NoRepositoryError, Repository, read_worktree_file


class CannotCheckError(Exception):
    """There is nothing to judge, for a reason outside the contribution: what, why, how to put it right."""

    def __init__(self, problem: str, remedy: str, reason: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Branch:
    """What a branch is compared with: the base as people named it, its tip, and where the branch left it."""

    base_name: str
    base: Sha
    fork_point: Sha
    head: Sha


@dataclass(frozen=True, slots=True)
class Survey:
    """What is to be judged. `selected` holds paths below `top`; empty means everything.

    With a `branch` it is what that branch changes, uncommitted edits included; else the files as they lie there.
    """

    top: Path
    repository: Repository | None
    branch: Branch | None
    selected: tuple[str, ...] = ()

    def covers(self, path: str) -> bool:
        """True when `path` was asked for."""
        return not self.selected or any(path == s or path.startswith(f"{s}/") for s in self.selected)


@dataclass(frozen=True, slots=True)
class Facts:
    """The contribution with a sentence on what was read ("the changes of ...") and remarks on the side."""

    contribution: Contribution
    scope: str
    base: str | None = None
    uncommitted: int = 0
    compared: str = ""  # with what of the tree the leaves were compared; empty for nothing


def survey(paths: Sequence[Path], base: str | None) -> Survey:
    """Find out what `paths` and `base` ask for. Raises CannotCheckError.

    Without paths and base it is what the current branch changes, or everything where no base can be made out.
    """
    places = [_existing(path) for path in paths] or [Path.cwd()]
    repository = _repository_of(places[0])
    if repository is None:
        return _survey_of_folder(places, base)
    selected = _below(repository.top, places) if paths else ()
    if base is not None:
        return Survey(repository.top, repository, _branch(repository, base), selected)
    branch = None if paths else _current_branch(repository)
    return Survey(repository.top, repository, branch, selected)


def gather(asked: Survey, max_bytes: int, author: str | None) -> Facts:
    """Read everything that is to be judged. Files larger than `max_bytes` come without content."""
    try:
        if asked.branch is not None:
            return _changes(asked, asked.branch, max_bytes, author)
        return _files(asked, max_bytes, author)
    except GitError as error:
        raise CannotCheckError("git could not read this repository.", _GIT_REMEDY, str(error)) from None


_GIT_REMEDY = "Run `git status` and `git fsck` here; in a partial clone fetch the missing objects first."


def _existing(path: Path) -> Path:
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow the last link
    try:
        place = absolute.parent.resolve() / absolute.name
        place.lstat()
    except (OSError, ValueError):
        raise CannotCheckError(
            f'There is no file or folder "{path}".',
            "Check the spelling; paths start from the folder you are in.",
            f"Looked in {Path.cwd()}.",
        ) from None
    return place


def _repository_of(place: Path) -> Repository | None:
    folder = place if place.is_dir() and not place.is_symlink() else place.parent
    try:
        return Repository.around(folder)
    except NoRepositoryError:
        return None
    except GitError as error:
        raise CannotCheckError("git does not want to read this folder.", _GIT_REMEDY, str(error)) from None


def _survey_of_folder(places: Sequence[Path], base: str | None) -> Survey:
    if base is not None:
        raise CannotCheckError(
            f'"--base {base}" needs a git repository, and this is none.',
            "Run this inside your clone of the taxonomy, or leave out --base to check files as they are.",
            f"There is no .git in {places[0]} or above it.",
        )
    top = _taxonomy_around(places[0])
    return Survey(top, None, None, tuple(path for path in _below(top, places) if path != "."))


def _taxonomy_around(place: Path) -> Path:
    if any((place / root).is_dir() for root in ROOTS):
        return place
    for at, part in enumerate(place.parts):
        if part in ROOTS:
            return Path(*place.parts[:at])
    raise CannotCheckError(
        f'"{place}" is not part of a taxonomy.',
        "Run this inside your clone of the taxonomy, or name the files to check.",
        f"It is in no git repository and in none of the folders {', '.join(ROOTS)}.",
    )


def _below(top: Path, places: Iterable[Path]) -> tuple[str, ...]:
    found = []
    for place in places:
        try:
            inside = place.relative_to(top).as_posix()
        except ValueError:
            raise CannotCheckError(
                f'"{place}" lies outside of {top}.',
                "Check one repository at a time, and only files that lie in it.",
            ) from None
        if inside == ".":
            return ()
        found.append(inside)
    return tuple(found)


def _branch(repository: Repository, base: str) -> Branch:
    tip = repository.commit_of(base)
    if tip is None:
        raise CannotCheckError(
            f'There is no commit, branch or tag "{base}" here.',
            "`git branch --all` lists what there is; `git fetch origin` gets what is missing.",
        )
    head = repository.commit_of("HEAD")
    if head is None:
        raise CannotCheckError("This branch has no commit yet.", "Commit something first, or leave out --base.")
    fork_point = repository.merge_base(tip, head)
    if fork_point is None:
        raise CannotCheckError(
            f'"{base}" and the current branch share no commit here.',
            "Get the whole history with `git fetch --unshallow` (in a GitHub workflow: `fetch-depth: 0`)."
            if repository.is_shallow
            else "Name the branch that this one was started from.",
            "This clone is shallow: it holds only the newest commits." if repository.is_shallow else "",
        )
    return Branch(base, tip, fork_point, head)


def _current_branch(repository: Repository) -> Branch | None:
    ref = repository.default_branch()
    if ref is None or repository.commit_of("HEAD") is None:
        return None
    short = ref.removeprefix("refs/remotes/").removeprefix("refs/heads/").removesuffix("/HEAD")
    try:
        return replace(_branch(repository, ref), base_name=short)
    except CannotCheckError:
        return None


def _changes(asked: Survey, branch: Branch, max_bytes: int, author: str | None) -> Facts:
    repository = _need(asked.repository)
    commits = repository.commits_between(branch.base, branch.head)
    changes = repository.changes_between(branch.fork_point, branch.head)
    committed = {change.path: change for change in changes if asked.covers(change.path)}
    edits = _edits(asked, repository, branch.head, max_bytes)
    contents = repository.blobs(
        [c.blob for c in committed.values() if c.blob and c.kind is FileKind.REGULAR], max_bytes
    )
    files = {path: _from_commit(change, contents) for path, change in committed.items()}
    for path, edit in edits.items():
        _lay_over(files, path, edit)
    contribution = read_contribution(
        files.values(), commits=commits, author=author, tree=_tree(repository, edits.values())
    )
    scope = _change_scope(repository, branch, commits, len(edits))
    return Facts(contribution, scope, branch.base_name, len(edits))


def _need(repository: Repository | None) -> Repository:
    assert repository is not None, "a branch lies in a repository"  # noqa: S101 - a branch is only found in one
    return repository


def _edits(asked: Survey, repository: Repository, head: Sha, max_bytes: int) -> dict[str, ChangedFile]:
    """Return what the working tree holds that HEAD does not: edits, deletions and new files of the taxonomy."""
    edits: dict[str, ChangedFile] = {}
    candidates = [c for c in repository.uncommitted(head) if asked.covers(c.path)]
    as_committed = repository.blobs([c.previous_blob for c in candidates if _is_file(c)], max_bytes)  # type: ignore[misc]
    for change in candidates:
        edit = _read(repository, change.path, change.status, max_bytes)
        if edit.is_gone and change.kind is FileKind.SUBMODULE:
            continue  # only not checked out
        before = as_committed.get(change.previous_blob or "")
        if edit.is_gone or before is None or before.content is None or before.content != edit.content:
            edits[change.path] = edit
    for name in repository.untracked():
        path = name.rstrip("/")
        edit = _read(repository, path, FileStatus.ADDED, max_bytes)
        if asked.covers(path) and edit.in_taxonomy and not edit.is_gone:
            edits[path] = edit
    return edits


def _is_file(change: FileChange) -> bool:
    return change.previous_blob is not None and change.kind is FileKind.REGULAR


def _from_commit(change: FileChange, contents: dict[str, Blob]) -> ChangedFile:
    blob = contents.get(change.blob or "", Blob(0, None))
    return ChangedFile(change.path, change.status, blob.content, blob.size, change.kind, change.previous_path)


def _lay_over(files: dict[str, ChangedFile], path: str, edit: ChangedFile) -> None:
    """Put an uncommitted edit over what the branch's commits say of the same file."""
    before = files.get(path)
    if before is None:
        files[path] = edit
    elif not edit.is_gone:
        status = FileStatus.MODIFIED if before.is_gone else before.status
        files[path] = replace(edit, status=status, previous_path=before.previous_path)
    elif before.status is FileStatus.ADDED:
        del files[path]  # added and taken away again
    elif before.previous_path is not None:
        del files[path]
        files[before.previous_path] = replace(edit, path=before.previous_path)
    else:
        files[path] = edit


def _read(repository: Repository, path: str, status: FileStatus, max_bytes: int) -> ChangedFile:
    found = read_worktree_file(repository.top, path, max_bytes)
    if found is None:
        return ChangedFile(path, FileStatus.REMOVED)
    kind, blob = found
    content = blob.content
    if content is not None and repository.converts_line_ends:
        content = content.replace(b"\r\n", b"\n")
    return ChangedFile(path, status, content, blob.size, kind)


def _tree(repository: Repository, edits: Iterable[ChangedFile]) -> Iterator[str]:
    changed = list(edits)
    gone = {edit.path for edit in changed if edit.is_gone}
    yield from (path for path in repository.tracked() if path not in gone)
    yield from (edit.path for edit in changed if not edit.is_gone)


def _files(asked: Survey, max_bytes: int, author: str | None) -> Facts:
    """Read files as they lie there: the leaves asked for with all that lies in the taxonomy's trees beside them."""
    listed = _listed(asked)
    merged = _merged(asked.repository)
    wanted = {path for path in listed if _is_wanted(asked, path, merged)}
    wanted |= {path for leaf in wanted if (path := _attribution_of(leaf)) in listed}
    status = {True: FileStatus.MODIFIED, False: FileStatus.ADDED}
    read = [_plain(asked, path, status[path in merged], max_bytes) for path in wanted]
    contribution = read_contribution((file for file in read if not file.is_gone), author=author, tree=listed)
    return Facts(contribution, _file_scope(asked, contribution))


def _merged(repository: Repository | None) -> frozenset[str]:
    """Return the files that are no contribution any more: those of the default branch, else of the last commit."""
    if repository is None:
        return frozenset()
    commit = repository.commit_of(repository.default_branch() or "HEAD")
    return repository.paths_at(commit) if commit is not None else frozenset()


def _listed(asked: Survey) -> frozenset[str]:
    if asked.repository is not None:
        untracked = (name.rstrip("/") for name in asked.repository.untracked())
        return frozenset((*asked.repository.tracked(), *untracked))
    return frozenset(_walk(asked.top))


def _walk(top: Path) -> Iterator[str]:
    for root in ROOTS:
        for folder, folders, names in os.walk(top / root):
            linked = [name for name in folders if (Path(folder) / name).is_symlink()]
            for name in (*names, *linked):
                yield (Path(folder) / name).relative_to(top).as_posix()


def _is_wanted(asked: Survey, path: str, merged: frozenset[str]) -> bool:
    root, slash, _ = path.partition("/")
    if not asked.selected and root == FOUNDATIONAL_ROOT and path in merged:
        return (
            False  # the maintainers' own; nobody who looks over the whole tree wants to hear that they are theirs
        )
    return path in asked.selected or (bool(slash) and root in ROOTS and asked.covers(path))


def _attribution_of(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/{ATTRIBUTION_FILE}" if name == LEAF_FILE else ""


def _plain(asked: Survey, path: str, status: FileStatus, max_bytes: int) -> ChangedFile:
    if asked.repository is not None:
        return _read(asked.repository, path, status, max_bytes)
    found = read_worktree_file(asked.top, path, max_bytes)
    if found is None:
        return ChangedFile(path, FileStatus.REMOVED)
    kind, blob = found
    return ChangedFile(path, status, blob.content, blob.size, kind)


def _change_scope(repository: Repository, branch: Branch, commits: tuple[Commit, ...], edits: int) -> str:
    name = repository.current_branch() or branch.head[:10]
    parts = [counted(len(commits), "commit")]
    if edits:
        parts.append(f"{counted(edits, 'file')} not committed yet")
    return f"what {name} changes against {branch.base_name} ({', '.join(parts)})"


def _file_scope(asked: Survey, contribution: Contribution) -> str:
    leaves = counted(len(contribution.leaves), "leaf", "leaves")
    if not asked.selected:
        return f"every leaf of this checkout ({leaves})"
    named = asked.selected[0] if len(asked.selected) == 1 else counted(len(asked.selected), "path")
    return f"{named} ({leaves})"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return "1 leaf" or "3 leaves"."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
