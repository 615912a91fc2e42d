"""The leaves of a taxonomy as a tree of git tells them, and what became of them between two trees."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.github.pulls import TreeEntry
from checks.contribution import ATTRIBUTION_FILE, LEAF_FILE, ROOTS, FileKind


class LeafChange(StrEnum):
    """What became of a leaf since the last good build."""

    NEW = "new"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf folder by the blobs it holds; `attribution_sha` is empty where there is no attribution file."""

    path: str
    qna_sha: str
    attribution_sha: str = ""
    is_regular: bool = True  # its qna.yaml is a file, and neither a link nor a submodule


def leaves_in(tree: Mapping[str, TreeEntry]) -> dict[str, Leaf]:
    """Return the leaves by their folder: each that holds a `qna.yaml` under one of the taxonomy's roots."""
    found = {}
    for path in tree:
        folder, _, name = path.rpartition("/")
        if name == LEAF_FILE and folder.partition("/")[0] in ROOTS:
            qna, attribution = tree[path], tree.get(f"{folder}/{ATTRIBUTION_FILE}")
            is_attributed = attribution is not None and attribution.kind is FileKind.REGULAR
            found[folder] = Leaf(
                folder,
                qna.sha,
                attribution.sha if attribution is not None and is_attributed else "",
                qna.kind is FileKind.REGULAR,
            )
    return found


def changes_between(before: Mapping[str, Leaf], after: Mapping[str, Leaf]) -> Iterator[tuple[Leaf, LeafChange]]:
    """Yield each leaf that is not the same in both, by path, with what became of it."""
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if new is None and old is not None:
            yield old, LeafChange.REMOVED
        elif new is not None and old is None:
            yield new, LeafChange.NEW
        elif new is not None and new != old:
            yield new, LeafChange.CHANGED


def leaf_of(path: str, known: Collection[str]) -> str:
    """Return the leaf that a file belongs to: the nearest folder above it that is one; empty for none."""
    folder = path.rpartition("/")[0]
    while folder and folder not in known:
        folder = folder.rpartition("/")[0]
    return folder
