"""A git object store in memory: blobs, trees and commits under the names that git itself would give them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

REGULAR_MODE = "100644"
EXECUTABLE_MODE = "100755"
SYMLINK_MODE = "120000"
SUBMODULE_MODE = "160000"
TREE_MODE = "040000"

REMEMBERED_SNAPSHOTS = 512

_KINDS = {TREE_MODE: "tree", SUBMODULE_MODE: "commit"}


@dataclass(frozen=True, slots=True)
class Symlink:
    """A symbolic link, as content of a changed path."""

    target: str


@dataclass(frozen=True, slots=True)
class Submodule:
    """A pointer to a commit of another repository, as content of a changed path."""

    sha: str


@dataclass(frozen=True, slots=True)
class Executable:
    """A file with its executable bit set, as content of a changed path."""

    content: bytes


FileContent = str | bytes | Symlink | Submodule | Executable
Changes = Mapping[str, FileContent | None]
"""What a commit does: the new content by path, None for a path that is removed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a tree says of one path."""

    mode: str
    sha: str

    @property
    def kind(self) -> str:
        """The type of the object: "blob", "tree" or "commit" (a submodule)."""
        return _KINDS.get(self.mode, "blob")


Snapshot = dict[str, Entry]
"""All files of a tree by their full path."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Who wrote a commit, and when."""

    name: str
    email: str
    date: datetime


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str
    verified: bool = False


class GitStore:
    """The objects of a repository and all its forks, which share them as on GitHub."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.trees: dict[str, dict[str, Entry]] = {}
        self.commits: dict[str, Commit] = {}
        self._snapshots: dict[str, Snapshot] = {}

    def add_blob(self, content: bytes) -> str:
        """Store `content` and return its name."""
        sha = _object_name("blob", content)
        self.blobs[sha] = content
        return sha

    def add_tree(self, snapshot: Snapshot, near: str | None = None) -> str:
        """Store the trees of `snapshot` and return the name of the topmost one.

        Of a tree `near` to it the folders that are the same are taken over.
        """
        folder = self._edited(near, snapshot) if near else None
        root = self._store_tree(_nested(snapshot) if folder is None else folder)
        self._remember(root, snapshot)
        return root

    def add_commit(
        self,
        snapshot: Snapshot,
        parents: Iterable[str],
        author: Signature,
        committer: Signature,
        message: str,
        *,
        verified: bool = False,
    ) -> Commit:
        """Store a commit of `snapshot` on top of `parents`."""
        parents = tuple(parents)
        tree = self.add_tree(snapshot, self.commits[parents[0]].tree if parents else None)
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [f"author {_stamp(author)}", f"committer {_stamp(committer)}", "", message]
        sha = _object_name("commit", "\n".join(lines).encode())
        commit = Commit(sha, tree, parents, author, committer, message, verified)
        self.commits[sha] = commit
        return commit

    def changed(self, snapshot: Snapshot, changes: Changes) -> Snapshot:
        """Return `snapshot` after `changes`, storing their blobs."""
        result = dict(snapshot)
        for path, content in changes.items():
            if content is None:
                result.pop(path, None)
            else:
                result[path] = self._entry(content)
        return result

    def snapshot(self, commit_sha: str) -> Snapshot:
        """Return all files of a commit."""
        return self.tree_snapshot(self.commits[commit_sha].tree)

    def tree_snapshot(self, tree_sha: str) -> Snapshot:
        """Return all files under a tree."""
        known = self._snapshots.pop(tree_sha, None)
        if known is None:
            known = {path: entry for path, entry in self.walk(tree_sha) if entry.mode != TREE_MODE}
        self._remember(tree_sha, known)
        return known

    def differing(self, old_tree: str, new_tree: str, prefix: str = "") -> tuple[Snapshot, Snapshot]:
        """Return the files of both trees, without those at places where both are the same."""
        sides: tuple[Snapshot, Snapshot] = ({}, {})
        old, new = self.trees[old_tree], self.trees[new_tree]
        for name in dict.fromkeys((*old, *new)):
            before, after = old.get(name), new.get(name)
            if before == after:
                continue
            if before and after and before.mode == after.mode == TREE_MODE:
                below = self.differing(before.sha, after.sha, f"{prefix}{name}/")
            else:
                below = self._files_at(prefix + name, before), self._files_at(prefix + name, after)
            for side, found in zip(sides, below, strict=True):
                side.update(found)
        return sides

    def walk(self, tree_sha: str, prefix: str = "") -> Iterator[tuple[str, Entry]]:
        """Yield every path below a tree, folders before what they hold."""
        for name, entry in self.trees[tree_sha].items():
            yield prefix + name, entry
            if entry.mode == TREE_MODE:
                yield from self.walk(entry.sha, f"{prefix}{name}/")

    def ancestors(self, sha: str) -> dict[str, None]:
        """Return `sha` and all commits before it, nearest first."""
        found: dict[str, None] = {}
        waiting = [sha]
        while waiting:
            following: list[str] = []
            for name in waiting:
                if name not in found:
                    found[name] = None
                    following.extend(self.commits[name].parents)
            waiting = following
        return found

    def merge_base(self, one: str, other: str) -> str | None:
        """Return the nearest common ancestor, None for unrelated histories."""
        if one == other:
            return one
        known = self.ancestors(one)
        return next((sha for sha in self.ancestors(other) if sha in known), None)

    def commits_between(self, base: str, head: str) -> list[Commit]:
        """Return the commits of `head` that `base` has not, oldest first."""
        known = self.ancestors(base)
        return [self.commits[sha] for sha in reversed(self.ancestors(head)) if sha not in known]

    def _entry(self, content: FileContent) -> Entry:
        match content:
            case Symlink(target):
                return Entry(SYMLINK_MODE, self.add_blob(target.encode()))
            case Submodule(sha):
                return Entry(SUBMODULE_MODE, sha)
            case Executable(data):
                return Entry(EXECUTABLE_MODE, self.add_blob(data))
            case str():
                return Entry(REGULAR_MODE, self.add_blob(content.encode()))
            case bytes():
                return Entry(REGULAR_MODE, self.add_blob(content))

    def _remember(self, tree: str, snapshot: Snapshot) -> None:
        """Keep the files of a tree at hand, as the latest of a few."""
        self._snapshots[tree] = snapshot
        if len(self._snapshots) > REMEMBERED_SNAPSHOTS:
            del self._snapshots[next(iter(self._snapshots))]

    def _files_at(self, path: str, entry: Entry | None) -> Snapshot:
        if entry is None:
            return {}
        if entry.mode != TREE_MODE:
            return {path: entry}
        return {place: found for place, found in self.walk(entry.sha, f"{path}/") if found.mode != TREE_MODE}

    def _edited(self, tree: str, snapshot: Snapshot) -> _Folder | None:
        """Return a tree with only those folders opened that differ in `snapshot`.

        None where a folder is emptied or changes places with a file: then all trees are made anew.
        """
        old = self.tree_snapshot(tree)
        root: _Folder = dict(self.trees[tree])
        for path in [path for path in old if path not in snapshot]:
            *folders, name = path.split("/")
            here = self._opened(root, folders)
            if here is None or here.pop(name, None) is None or not here:
                return None
        for path, entry in snapshot.items():
            if old.get(path) != entry:
                *folders, name = path.split("/")
                here = self._opened(root, folders)
                if here is None or _is_folder(here.get(name)):
                    return None
                here[name] = entry
        return root

    def _opened(self, root: _Folder, folders: Iterable[str]) -> _Folder | None:
        here = root
        for folder in folders:
            child = here.get(folder, {})
            if isinstance(child, Entry):
                if child.mode != TREE_MODE:
                    return None
                child = dict(self.trees[child.sha])
            here[folder] = child
            here = child
        return here

    def _store_tree(self, folder: _Folder) -> str:
        entries = {
            name: Entry(TREE_MODE, self._store_tree(child)) if isinstance(child, dict) else child
            for name, child in folder.items()
        }
        ordered = dict(sorted(entries.items(), key=_git_order))
        content = b"".join(
            f"{entry.mode.lstrip('0')} {name}\0".encode() + bytes.fromhex(entry.sha)
            for name, entry in ordered.items()
        )
        sha = _object_name("tree", content)
        self.trees[sha] = ordered
        return sha


_Folder = dict[str, "Entry | _Folder"]


def _is_folder(entry: Entry | _Folder | None) -> bool:
    return isinstance(entry, dict) or (entry is not None and entry.mode == TREE_MODE)


def _nested(snapshot: Snapshot) -> _Folder:
    root: _Folder = {}
    for path, entry in snapshot.items():
        *folders, name = path.split("/")
        here = root
        for folder in folders:
            child = here.setdefault(folder, {})
            if not isinstance(child, dict):
                child = here[folder] = {}
            here = child
        here[name] = entry
    return root


def _git_order(item: tuple[str, Entry]) -> bytes:
    name, entry = item
    return (name + "/" if entry.mode == TREE_MODE else name).encode()


def _object_name(kind: str, content: bytes) -> str:
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(content)) + content, usedforsecurity=False).hexdigest()


def _stamp(signature: Signature) -> str:
    return f"{signature.name} <{signature.email}> {int(signature.date.timestamp())} +0000"
