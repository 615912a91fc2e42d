"""What changed between two trees, told as GitHub tells it: one entry per file, renames found, patches cut."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from bot.simulator.git_objects import SUBMODULE_MODE, Entry, GitStore, Snapshot

_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@")
RENAME_SIMILARITY = 0.5
RENAME_CANDIDATES = 100
PATCH_LINES = 20_000
"""A file with more lines than this gets no patch, as very large files do on GitHub."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """One changed file. `patch` is None where GitHub shows none: binary, empty or very large files."""

    path: str
    status: str
    sha: str
    additions: int
    deletions: int
    patch: str | None
    previous_path: str | None = None


class Differ:
    """Compares trees of one store and remembers what it found."""

    def __init__(self, store: GitStore) -> None:
        self._store = store
        self._known: dict[tuple[str, str], list[FileChange]] = {}

    def between(self, old_commit: str, new_commit: str) -> list[FileChange]:
        """Return the changes from one commit to another, in the order of their paths."""
        store = self._store
        key = (store.commits[old_commit].tree, store.commits[new_commit].tree)
        if key not in self._known:
            self._known[key] = self._compare(*store.differing(*key))
        return self._known[key]

    def since_nothing(self, commit: str) -> list[FileChange]:
        """Return the changes that a first commit makes."""
        return self._compare({}, self._store.snapshot(commit))

    def _compare(self, old: Snapshot, new: Snapshot) -> list[FileChange]:
        added = {path: entry for path, entry in new.items() if path not in old}
        removed = {path: entry for path, entry in old.items() if path not in new}
        origins = self._renames(removed, added)
        changes = [self._change(path, old[path], new[path]) for path in old.keys() & new if old[path] != new[path]]
        changes += [
            self._change(path, removed[origins[path]], entry, previous=origins[path])
            if path in origins
            else self._change(path, None, entry)
            for path, entry in added.items()
        ]
        gone = removed.keys() - set(origins.values())
        changes += [self._change(path, removed[path], None) for path in gone]
        return sorted(changes, key=lambda change: change.path)

    def _renames(self, removed: Snapshot, added: Snapshot) -> dict[str, str]:
        """Return new path -> old path: identical content first, then the most similar one."""
        left = dict(removed)
        by_sha = {entry: path for path, entry in left.items()}
        origins: dict[str, str] = {}
        for path, entry in added.items():
            origin = by_sha.pop(entry, None)
            if origin is not None:
                origins[path] = origin
                del left[origin]
        rest = [path for path in added if path not in origins]
        if left and len(left) * len(rest) <= RENAME_CANDIDATES**2:
            for path in rest:
                score, origin = max(((self._similarity(left[o], added[path]), o) for o in left), default=(0.0, ""))
                if score >= RENAME_SIMILARITY:
                    origins[path] = origin
                    del left[origin]
        return origins

    def _similarity(self, one: Entry, other: Entry) -> float:
        """Return the share of bytes in common lines, as git measures it in chunks."""
        old, new = self._content(one), self._content(other)
        if one.mode != other.mode or not old or not new:
            return 0.0
        common = Counter(old.splitlines(keepends=True)) & Counter(new.splitlines(keepends=True))
        return sum(len(line) * count for line, count in common.items()) / max(len(old), len(new))

    def _change(self, path: str, old: Entry | None, new: Entry | None, previous: str | None = None) -> FileChange:
        entry = new or old
        assert entry is not None, "a change has a side"  # noqa: S101
        before = self._content(old) if old else b""
        after = self._content(new) if new else b""
        additions, deletions, patch = _patch(before, after)
        status = _status(old, new, previous)
        return FileChange(path, status, entry.sha, additions, deletions, patch, previous)

    def _content(self, entry: Entry) -> bytes:
        if entry.mode == SUBMODULE_MODE:
            return f"Subproject commit {entry.sha}\n".encode()
        return self._store.blobs[entry.sha]


def _status(old: Entry | None, new: Entry | None, previous: str | None) -> str:
    if old is None:
        return "added"
    if new is None:
        return "removed"
    if previous is not None:
        return "renamed"
    return "changed" if old.sha == new.sha else "modified"


@lru_cache(maxsize=8192)
def _patch(before: bytes, after: bytes) -> tuple[int, int, str | None]:
    """Return lines added, lines removed, and the hunks without a file header."""
    if before == after or b"\0" in before[:8000] or b"\0" in after[:8000]:
        return 0, 0, None
    old = before.decode(errors="replace").split("\n")
    new = after.decode(errors="replace").split("\n")
    if not (before and after):
        return _whole_file(old, new)
    if len(old) + len(new) > PATCH_LINES:
        gained, lost = Counter(new) - Counter(old), Counter(old) - Counter(new)
        return gained.total(), lost.total(), None
    hunks = list(difflib.unified_diff(_lines(old), _lines(new), lineterm=""))[2:]
    additions = sum(line.startswith("+") for line in hunks)
    deletions = sum(line.startswith("-") for line in hunks)
    return additions, deletions, "\n".join(hunks)


def _whole_file(old: list[str], new: list[str]) -> tuple[int, int, str | None]:
    """Return the patch that adds or removes all lines of a file."""
    is_added = old == [""]
    side = new if is_added else old
    lines = _lines(side)
    sign, count = ("+", len(lines)) if is_added else ("-", len(lines))
    span = f"1,{count}" if count > 1 else "1"
    header = f"@@ -0,0 +{span} @@" if is_added else f"@@ -{span} +0,0 @@"
    body = [header, *(sign + line for line in lines)]
    if side[-1] != "":
        body.append("\\ No newline at end of file")
    patch = "\n".join(body) if count <= PATCH_LINES else None
    return (count, 0, patch) if is_added else (0, count, patch)


def _lines(parts: list[str]) -> list[str]:
    return parts[:-1] if parts[-1] == "" else parts


def lines_shown(patch: str) -> set[int]:
    """Return the lines of the new file that a patch shows: those added, and those around them."""
    shown: set[int] = set()
    line = 0
    for row in patch.split("\n"):
        if found := _HUNK.match(row):
            line = int(found[1])
        elif row.startswith(("+", " ")):
            shown.add(line)
            line += 1
    return shown
