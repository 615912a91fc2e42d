"""The neighbours of a contribution: the few passages of the tree and of other pull requests that come closest."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from checks.likeness.passages import Passage, passages_of
from checks.likeness.words import words_of

if TYPE_CHECKING:
    from checks.contribution import ChangedFile, Leaf
    from checks.likeness.index import PassageIndex, Source

MOST_NEIGHBOURS = 300
_MOST_OF_A_PASSAGE = 3

_Told = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A passage of the leaf at `path`, and another one that may teach the same.

    The other stands in the leaf at `other_path` of the pull request `number`, which is 0 for the tree.
    """

    path: str
    own: Passage
    other: Passage
    other_path: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where to look for neighbours: folders of indexes, None where there is none, and as which pull request."""

    tree: Path | None = None
    pulls: Path | None = None
    number: int = 0  # pull requests with higher numbers came later: they are told, not this one
    late: Path | None = None  # pull requests that are new, or have changed, since `pulls` was made
    outdated: frozenset[int] = frozenset()  # pull requests of which `pulls` counts no more


def neighbours_in(
    surroundings: Surroundings, leaves: Iterable[Leaf], files: Iterable[ChangedFile]
) -> tuple[Neighbour, ...] | None:
    """Return the neighbours of leaves; None where there is no index to look into, or none that can be read."""
    from checks.likeness.index import IndexUnreadableError, open_index

    found: list[PassageIndex | None] = []
    for folder in (surroundings.tree, surroundings.pulls, surroundings.late):
        try:
            found.append(open_index(folder) if folder is not None else None)
        except IndexUnreadableError:  # whoever made it will make it anew
            found.append(None)
    tree, pulls, late = found
    if tree is None and pulls is None and late is None:
        return None
    return neighbours_of(leaves, files, tree, pulls, surroundings.number, late, surroundings.outdated)


def neighbours_of(
    leaves: Iterable[Leaf],
    files: Iterable[ChangedFile],
    tree: PassageIndex | None,
    pulls: PassageIndex | None = None,
    number: int = 0,
    late: PassageIndex | None = None,
    outdated: frozenset[int] = frozenset(),
) -> tuple[Neighbour, ...]:
    """Return the neighbours of leaves in the tree, and in the pull requests that are older than `number`.

    `late` holds what `pulls` does not know yet of pull requests, in place of what it knows of those `outdated`.

    What the contribution changes, moves or removes is no neighbour of it, nor is anything of a passage that it
    leaves as it was.
    """
    changed = {path for file in files for path in (file.path, file.previous_path) if path}
    own = {tree.places[path] for path in changed if path in tree.places} if tree is not None else set()
    kept = frozenset(_told(passage) for n in own for passage in tree.passages_of_source(n)) if tree else frozenset()
    others = [
        (index, {n for n, s in enumerate(index.sources) if _is_barred(s, number, changed, out)})
        for index, out in ((pulls, outdated), (late, frozenset[int]()))
        if index is not None
    ]
    found: list[Neighbour] = []
    for leaf in leaves:
        new = [p for p in passages_of(leaf) if (p.is_knowledge or not p.is_context) and _told(p) not in kept]
        if not new:
            continue
        if tree is not None:
            found += _nearest(leaf.path, new, tree, own)
        for index, barred in others:
            found += _nearest(leaf.path, new, index, barred)
        if len(found) >= MOST_NEIGHBOURS:
            break
    return tuple(found[:MOST_NEIGHBOURS])


def _is_barred(source: Source, number: int, changed: Collection[str], outdated: Collection[int]) -> bool:
    return not 0 < source.number < number or source.path in changed or source.number in outdated


def _nearest(path: str, new: list[Passage], index: PassageIndex, barred: Collection[int]) -> list[Neighbour]:
    from checks.likeness.sheets import sheet_of

    near = index.nearest(sheet_of(new, index.permutations), barred, _MOST_OF_A_PASSAGE)
    return [Neighbour(path, new[n.of], n.passage, n.source.path, n.source.number) for n in near]


def _told(passage: Passage) -> _Told:
    return words_of(passage.question).order, words_of(passage.answer).order, words_of(passage.context).order
