"""Three-way merges of trees, path by path: what both sides changed differently is a conflict."""

from __future__ import annotations

from bot.simulator.diffs import Differ
from bot.simulator.git_objects import Entry, GitStore, Snapshot

Edits = dict[str, Entry | None]
"""What becomes of each changed path, None where it is removed."""


def edits_between(store: GitStore, differ: Differ, old: str, new: str) -> Edits:
    """Return what the commit `new` made of the paths that it changed since `old`."""
    found: Edits = {}
    snapshot = store.snapshot(new)
    for change in differ.between(old, new):
        found[change.path] = snapshot.get(change.path)
        if change.previous_path is not None:
            found[change.previous_path] = None
    return found


def is_clash(ours: Edits, theirs: Edits) -> bool:
    """Tell whether both cannot be had: one path in two forms, or a file where the other side has a folder."""
    if any(ours[path] != theirs[path] for path in ours.keys() & theirs):
        return True
    ours_left = {path for path, entry in ours.items() if entry}
    theirs_left = {path for path, entry in theirs.items() if entry}
    return bool(ours_left & _folders(theirs_left) or theirs_left & _folders(ours_left))


def with_edits(snapshot: Snapshot, edits: Edits) -> Snapshot:
    """Return `snapshot` after `edits`."""
    result = dict(snapshot)
    for path, entry in edits.items():
        if entry is None:
            result.pop(path, None)
        else:
            result[path] = entry
    return result


def _folders(paths: set[str]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found
