"""What was judged of a pull request, as people read it: its examples, where they come from, and what was found.

Nothing in a reading is personal data or a key that was found: `bot.transcript` makes it, and hides them.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from pydantic import TypeAdapter, ValidationError

_VERSION = b"1"
_MOST_BYTES = 8 * 1024**2  # of an unpacked one


class ReadingUnreadableError(Exception):
    """Bytes are no reading that this version knows: judging again makes a new one."""


@dataclass(frozen=True, slots=True)
class Words:
    """Somebody's words, and the line they begin on. Of what `is_hidden`, `text` says why instead."""

    text: str
    line: int = 0
    is_cut: bool = False
    is_hidden: bool = False


class SourceState(StrEnum):
    """How a context stands to the document of its leaf."""

    EXACT = "exact"  # word for word
    NEAREST = "nearest"  # something like it
    NOTHING = "nothing"  # nothing like it
    UNKNOWN = "unknown"  # nobody has looked, or not in full


@dataclass(frozen=True, slots=True)
class Source:
    """What the document of a leaf says where a context comes from; `percent` is the likeness."""

    state: SourceState
    percent: int = 0
    file: str = ""
    passage: Words | None = None


@dataclass(frozen=True, slots=True)
class PairRead:
    """A question with its answer; None where there is none that could be read."""

    question: Words | None
    answer: Words | None
    line: int
    last_line: int


@dataclass(frozen=True, slots=True)
class ExampleRead:
    """A seed example. `source` is None where a leaf has no document."""

    context: Words | None
    pairs: tuple[PairRead, ...]
    line: int
    last_line: int
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class DocumentRead:
    """Where the document of a leaf lies, and why nobody has looked into it; empty where somebody has."""

    repo: str
    commit: str
    patterns: tuple[str, ...]
    unread_because: str = ""


@dataclass(frozen=True, slots=True)
class LeafRead:
    """One leaf. `about` is its task description or its document outline; without examples it may be unreadable."""

    path: str
    kind: str
    status: str
    is_readable: bool
    domain: str = ""
    created_by: str = ""
    about: Words | None = None
    document: DocumentRead | None = None
    examples: tuple[ExampleRead, ...] = ()
    left_out: int = 0  # examples beyond what is kept
    attribution: Words | None = None


@dataclass(frozen=True, slots=True)
class FindingRead:
    """One finding in plain words; `line` is 0 where it has no place. Only triagers see what is `kept_back`."""

    rule: str
    cause: str
    title: str
    severity: str
    message: str
    remedy: str
    path: str = ""
    line: int = 0
    kept_back: bool = False


@dataclass(frozen=True, slots=True)
class FileRead:
    """A changed file, and what is done to it."""

    path: str
    status: str


@dataclass(frozen=True, slots=True)
class Reading:
    """All of one commit. What did not fit is only counted."""

    head_sha: str
    leaves: tuple[LeafRead, ...] = ()
    findings: tuple[FindingRead, ...] = ()
    files: tuple[FileRead, ...] = ()
    leaves_left_out: int = 0
    findings_left_out: int = 0
    files_left_out: int = 0


def packed(reading: Reading) -> bytes:
    """Return a reading as bytes that `unpacked` reads."""
    return _VERSION + zlib.compress(_adapter().dump_json(reading), 6)


def unpacked(kept: bytes) -> Reading:
    """Return the reading. Raises ReadingUnreadableError."""
    if kept[:1] != _VERSION:
        raise ReadingUnreadableError("another version")
    try:
        unzip = zlib.decompressobj()
        data = unzip.decompress(kept[1:], _MOST_BYTES)
        return _adapter().validate_json(data)
    except (ValidationError, zlib.error) as error:
        raise ReadingUnreadableError(type(error).__name__) from None


@cache
def _adapter() -> TypeAdapter[Reading]:
    return TypeAdapter(Reading)
