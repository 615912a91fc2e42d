"""What an examination finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How it stands; the number is the exit status that it leads to."""

    OK = 0
    ATTENTION = 1  # it works, or may work; somebody should look at it
    BROKEN = 2

    @property
    def word(self) -> str:
        """The level as people and programs read it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Line:
    """One finding, in a sentence. What is not well has a remedy."""

    level: Level
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """What one probe found, and how long it took."""

    name: str
    title: str
    lines: tuple[Line, ...]
    took_s: float

    @property
    def level(self) -> Level:
        """The worst of its lines."""
        return worst(self.lines)


def fine(text: str) -> Line:
    """Return a finding that asks for nothing."""
    return Line(Level.OK, text)


def attention(text: str, remedy: str) -> Line:
    """Return a finding that somebody should look at."""
    return Line(Level.ATTENTION, text, remedy)


def broken(text: str, remedy: str) -> Line:
    """Return a finding without whose remedy it does not work."""
    return Line(Level.BROKEN, text, remedy)


def worst(found: Iterable[Line | Section]) -> Level:
    """Return the worst level of some findings."""
    return max((each.level for each in found), default=Level.OK)
