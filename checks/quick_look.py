"""A quick look before a slow question: what a text may hold at all, by words one of which has to stand in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class QuickLook(Generic[T]):
    """Things to look for, each with words (in lower case); a text that holds none of these holds no such thing."""

    def __init__(self, words: Mapping[T, Iterable[str]]) -> None:
        self._things = tuple(words)
        self._numbered = tuple((word, number) for number, thing in enumerate(words) for word in words[thing])

    def may_be_in(self, lowered: str) -> list[T]:
        """Return the things that a text in lower case may hold, in their order."""
        numbers = {number for word, number in self._numbered if word in lowered}
        return [self._things[number] for number in sorted(numbers)]
