"""A pull request's template and what became of it: its parts, its boxes, and which of them are still to be done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

_LONGEST = 65_536  # GitHub takes no more
_MOST_LINES = 2_000
_LONGEST_LINE = 1_000
_BOX = re.compile(r"\s{0,20}[-*+]\s{1,5}\[([ xX]?)\]\s{1,5}(\S.*)")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s{1,5}(\S.*)|\s{0,3}(?:\*\*|__)([^*_].*?)(?:\*\*|__)\s*:?\s*")
_MARKUP = re.compile(r"[\s#*_`~>|:.?!-]+")
_LINK = re.compile(r"\[([^\][]{1,300})\]\([^()\s]{1,500}\)")
_LOWEST = 7
_INSTRUCTION = re.compile(r"(?:if|please|note|before|thank)\b", re.IGNORECASE)
_OPTIONAL = re.compile(
    r"\b(?:optional(?:ly)?|(?:if|where) (?:applicable|any|needed|relevant|so|you)|n/?a)\b", re.IGNORECASE
)
_ONE_OF = re.compile(
    r"\b(?:(?:one|any) of|choose|select|pick|types?|kinds?|delete|that apply|relevant)\b", re.IGNORECASE
)


class LeftKind(StrEnum):
    """What is still to be done about a part of the template."""

    UNTICKED = "a box is not ticked"
    EMPTY = "a part is empty"
    MISSING = "a part is gone"


@dataclass(frozen=True, slots=True)
class Left:
    """One thing that is still to be done; `text` is the template's own."""

    kind: LeftKind
    text: str


@dataclass(frozen=True, slots=True)
class Box:
    """A line with a box to tick."""

    text: str
    is_ticked: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A heading and what stands below it: lines of text, and boxes. The text before any heading has no title."""

    title: str
    lines: tuple[str, ...]
    boxes: tuple[Box, ...]
    level: int = 0  # of the heading: 1 is the highest, bold lines are the lowest

    @property
    def names(self) -> frozenset[str]:
        """What it is known by: its title and the texts of its boxes."""
        return frozenset(name for name in (_folded(self.title), *(_folded(box.text) for box in self.boxes)) if name)

    @property
    def takes_one(self) -> bool:
        """True when its boxes are a choice, of which one is enough."""
        return any(_ONE_OF.search(text) for text in (self.title, *self.lines))


def parts_of(text: str) -> tuple[Part, ...]:
    """Return the parts of a template or a description, without comments and what is beyond GitHub's limit."""
    parts: list[Part] = []
    title, level, lines, boxes = "", 0, list[str](), list[Box]()
    for line in _without_comments(text[:_LONGEST].replace("\r\n", "\n")).split("\n")[:_MOST_LINES]:
        line = line[:_LONGEST_LINE].rstrip()
        if heading := _HEADING.fullmatch(line):
            parts.append(Part(title, tuple(lines), tuple(boxes), level))
            title, level = (heading[1] or heading[2]).strip(" #"), _level(line)
            lines, boxes = [], []
        elif box := _BOX.fullmatch(line):
            boxes.append(Box(box[2].strip(), box[1] not in ("", " ")))
        elif line.strip():
            lines.append(line.strip())
    parts.append(Part(title, tuple(lines), tuple(boxes), level))
    return tuple(part for part in parts if part.title or part.lines or part.boxes)


def left_to_do(template: str, description: str) -> tuple[Left, ...]:
    """Return what of the template is still to be done in a description, in the template's order."""
    asked, given = parts_of(template), parts_of(description)
    said = {_folded(line) for part in asked for line in part.lines}
    titles = {_folded(part.title) for part in given if part.title}
    written = {_folded(part.title) for part in given if any(_folded(line) not in said for line in part.lines)}
    ticked = {_folded(box.text) for part in given for box in part.boxes if box.is_ticked}
    written |= {_folded(part.title) for part in given if any(box.is_ticked for box in part.boxes)}
    found: list[Left] = []
    for part, following in zip(asked, (*asked[1:], None), strict=True):
        if _OPTIONAL.search(part.title):
            continue
        found += _unticked(part, ticked)
        if _asks_for_text(part, following) and _folded(part.title) not in written:
            is_there = _folded(part.title) in titles
            found.append(Left(LeftKind.EMPTY if is_there else LeftKind.MISSING, part.title))
    return tuple(dict.fromkeys(found))


def asks_for_anything(template: str) -> bool:
    """True for a template with a part to fill in or a box to tick."""
    return any(part.title or part.boxes for part in parts_of(template))


def _unticked(part: Part, ticked: set[str]) -> Iterator[Left]:
    asked = [box for box in part.boxes if not box.is_ticked and not _OPTIONAL.search(box.text)]
    if part.takes_one and any(_folded(box.text) in ticked for box in part.boxes):
        return
    for box in asked:
        if _folded(box.text) not in ticked:
            yield Left(LeftKind.UNTICKED, box.text)


def _asks_for_text(part: Part, following: Part | None) -> bool:
    """True for a heading to write something under: no instruction, and not only the title of what follows."""
    if not part.title or part.boxes or _INSTRUCTION.match(part.title):
        return False
    return bool(part.lines) or following is None or following.level <= part.level


def _level(line: str) -> int:
    marks = len(line.strip()) - len(line.strip().lstrip("#"))
    return marks or _LOWEST


def _folded(text: str) -> str:
    """Return a text by which the same line is known again, whatever became of its markup."""
    return _MARKUP.sub(" ", _LINK.sub(r"\1", text)).strip().casefold()


def _without_comments(text: str) -> str:
    """Return a text without HTML comments; one that is never closed goes on to the end."""
    kept: list[str] = []
    at = 0
    while (start := text.find("<!--", at)) >= 0:
        kept.append(text[at:start])
        end = text.find("-->", start + 4)
        if end < 0:
            return "".join(kept)
        at = end + 3
    kept.append(text[at:])
    return "".join(kept)
