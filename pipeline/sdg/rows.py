"""A row on its way through a flow: named texts, where they come from, and on which side of the split they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class Split(StrEnum):
    """What a seed example, and everything made from it, is for. No two splits share a seed example."""

    TRAIN = "train"
    DEV = "dev"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Row:
    """Named texts. `place` orders rows whatever finishes first; `seed` is the seed example's index in the leaf."""

    place: tuple[int, ...]
    seed: int
    split: Split
    texts: Mapping[str, str]

    def having(self, **texts: str) -> Row:
        """Return the row with more, or other, texts."""
        return replace(self, texts={**self.texts, **texts})

    def child(self, index: int, texts: Mapping[str, str]) -> Row:
        """Return a row made from this one: it keeps the texts, and stands behind it in order."""
        return replace(self, place=(*self.place, index), texts={**self.texts, **texts})


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that went no further: in which block, and why."""

    row: Row
    block: str
    reason: str
