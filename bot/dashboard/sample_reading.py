"""Reading generated data for a page: line by line, bounded, and by what the reader looks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

from pydantic_core import from_json

MOST_BYTES = 64 * 1024 * 1024  # of a file that a page reads
AT_ONCE = 20
_LONGEST_LINE = 1024 * 1024
_LONGEST_TEXT = 4_000  # characters that are shown of one text
_MOST_TEXTS = 12
_NAMES = {"user": "Question", "assistant": "Answer", "system": "System"}


class Pile(StrEnum):
    """Which of a leaf's files: what became a sample, what was dropped on the way, and what is measured with."""

    KEPT = "kept"
    DROPPED = "dropped"
    QUESTIONS = "questions"


FILE_OF: Mapping[Pile, str] = {
    Pile.KEPT: "samples.jsonl",
    Pile.DROPPED: "dropped.jsonl",
    Pile.QUESTIONS: "questions.jsonl",
}


@dataclass(frozen=True, slots=True)
class Sought:
    """What the reader looks for; empty for anything. `text` is sought in any case, in all that a row says."""

    step: str = ""
    reason: str = ""
    origin: str = ""
    text: str = ""

    @property
    def is_anything(self) -> bool:
        """True when every row fits."""
        return not (self.step or self.reason or self.origin or self.text)


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One row. `marks` are short words about it, such as its split; `texts` are pairs of a name and a text."""

    texts: tuple[tuple[str, str], ...]
    marks: tuple[str, ...] = ()
    step: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SampleRows:
    """Some rows of a file. `count` is how many fit, `unreadable` how many lines could not be read."""

    rows: tuple[SampleRow, ...]
    count: int
    start: int
    unreadable: int = 0

    @property
    def before(self) -> int | None:
        """Where the rows before these begin; None when these are the first."""
        return max(0, self.start - AT_ONCE) if self.start else None

    @property
    def following(self) -> int | None:
        """Where the next rows begin; None when these are the last."""
        end = self.start + AT_ONCE
        return end if end < self.count else None


def read_rows(path: Path, pile: Pile, sought: Sought, start: int) -> SampleRows:
    """Return some of the rows that fit, `AT_ONCE` at most, counted from `start`."""
    shown: list[SampleRow] = []
    count = unreadable = 0
    wanted = range(start, start + AT_ONCE)
    with path.open("rb") as file:
        for line in _lines(file):
            if sought.is_anything and count not in wanted:
                count += bool(line.strip())
                continue
            row = _row(line, pile)
            if row is None:
                unreadable += bool(line.strip())
                continue
            said, found = row
            if not _fits(said, found, sought):
                continue
            if count in wanted:
                shown.append(found)
            count += 1
    return SampleRows(tuple(shown), count, start, unreadable)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines; of one that is too long, what is read of it, which then is no JSON."""
    while line := file.readline(_LONGEST_LINE):
        yield line
        while not line.endswith(b"\n") and (line := file.readline(_LONGEST_LINE)):
            pass


def _row(line: bytes, pile: Pile) -> tuple[Mapping[str, Any], SampleRow] | None:
    """Return what a line says, whole and as it is shown; None for one that says nothing."""
    try:
        said = from_json(line)
    except ValueError:
        return None
    if not isinstance(said, dict):
        return None
    return said, {Pile.KEPT: _kept, Pile.DROPPED: _dropped, Pile.QUESTIONS: _question}[pile](said)


def _kept(said: Mapping[str, Any]) -> SampleRow:
    messages = said.get("messages")
    texts = [
        (_NAMES.get(str(each.get("role")), "Text"), _cut(each.get("content", "")))
        for each in (messages if isinstance(messages, list) else [])
        if isinstance(each, dict)
    ]
    about = _about(said)
    split = {"train": "", "test": "held back", "dev": "held back"}.get(str(about.get("split", "")), "")
    marks = (_cut(about.get("origin", ""), 60), split, _cut(about.get("heading", ""), 120))
    return SampleRow(
        tuple(texts[:_MOST_TEXTS]), tuple(mark for mark in marks if mark), _cut(about.get("flow", ""), 80)
    )


def _dropped(said: Mapping[str, Any]) -> SampleRow:
    texts = said.get("texts")
    shown = [
        (_cut(name, 60).capitalize(), _cut(text))
        for name, text in (texts if isinstance(texts, dict) else {}).items()
    ]
    return SampleRow(
        tuple(shown[:_MOST_TEXTS]), (), _cut(said.get("block", ""), 120), _cut(said.get("reason", ""), 400)
    )


def _question(said: Mapping[str, Any]) -> SampleRow:
    choices, right = said.get("choices"), said.get("answer")
    listed = choices if isinstance(choices, list) else []
    texts = [("Question", _cut(said.get("question", "")))]
    texts += [
        (f"{chr(65 + at)}{', right' if at == right else ''}", _cut(choice))
        for at, choice in enumerate(listed[: _MOST_TEXTS - 1])
    ]
    return SampleRow(tuple(texts), (), _cut(_about(said).get("flow", ""), 80))


def _about(said: Mapping[str, Any]) -> Mapping[str, Any]:
    about = said.get("metadata")
    return about if isinstance(about, dict) else {}


def _fits(said: Mapping[str, Any], row: SampleRow, sought: Sought) -> bool:
    if sought.step and sought.step != row.step:
        return False
    if sought.reason and sought.reason != row.reason:
        return False
    if sought.origin and sought.origin != _about(said).get("origin"):
        return False
    wanted = sought.text.casefold()
    return not wanted or any(wanted in text.casefold() for _, text in row.texts)


def _cut(text: object, most: int = _LONGEST_TEXT) -> str:
    said = str(text)
    return said if len(said) <= most else said[: most - 1] + "…"
