"""Server-sent events as a relay sends them: bytes in, events out, never more kept than one event may have.

*Source*: WHATWG HTML, section "Server-sent events".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_DECODER = json.JSONDecoder()
_SPACE = " \t\r\n"
_NEVER_BY_RELAY = frozenset({"body", "query", "timestamp"})


class UnreadableEventError(Exception):
    """An event holds no delivery; the text says what it lacks."""


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event; `id` is the newest the stream has named."""

    kind: str
    data: str
    id: str


@dataclass
class StreamReader:
    """Takes a stream apart. An event with more than `most_bytes` is passed over, and counted in `too_large`."""

    most_bytes: int
    too_large: int = 0
    last_id: str = ""
    _line: bytearray = field(default_factory=bytearray)
    _ended_by_cr: bool = False
    _kind: str = ""
    _data: list[str] = field(default_factory=list)
    _bytes: int = 0
    _skips: bool = False

    def feed(self, chunk: bytes) -> Iterator[StreamEvent]:
        """Yield the events that are complete by now."""
        if self._ended_by_cr and chunk:
            chunk, self._ended_by_cr = chunk.removeprefix(b"\n"), False
        self._ended_by_cr = chunk.endswith(b"\r") if chunk else self._ended_by_cr
        lines = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for line in lines[:-1]:
            self._add(line)
            text, self._line = bytes(self._line), bytearray()
            if (event := self._end_of_line(text)) is not None:
                yield event
        self._add(lines[-1])

    def _add(self, part: bytes) -> None:
        if not part:
            return
        self._bytes += len(part)
        if self._bytes > self.most_bytes:
            self._skips, self._data = True, []
            self._line = bytearray(b":")  # not empty: the event ends with an empty line
        else:
            self._line += part

    def _end_of_line(self, line: bytes) -> StreamEvent | None:
        if line:
            if not self._skips:
                self._take(line.decode("utf-8", "replace"))
            return None
        kind, data, skipped = self._kind or "message", self._data, self._skips
        self._kind, self._data, self._bytes, self._skips = "", [], 0, False
        if skipped:
            self.too_large += 1
            return None
        return StreamEvent(kind, "\n".join(data), self.last_id) if data else None

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._kind = value
        elif name == "id" and "\0" not in value:
            self.last_id = value[:200]


@dataclass(frozen=True, slots=True)
class Relayed:
    """A webhook out of an event: its headers, and what its body may have been, byte for byte."""

    headers: Mapping[str, str]
    bodies: tuple[bytes, ...]


def relayed(data: str) -> Relayed:
    """Return the webhook that an event carries. Raises UnreadableEventError.

    The relay has read GitHub's JSON and written it anew. Both have it compact, so mostly it is byte for byte what
    GitHub has signed: taken as it stands in the event; else, for relays that write otherwise, written anew. Which
    of them it was, the signature says.
    """
    try:
        members = dict(_members(data))
        headers = {
            name: value for name, (value, _) in members.items() if name not in _NEVER_BY_RELAY and _is_header(value)
        }
        body, raw = members["body"]
        compact = (json.dumps(body, separators=(",", ":"), ensure_ascii=ascii_only) for ascii_only in (False, True))
        texts = dict.fromkeys(text.encode("utf-8", "backslashreplace") for text in (raw, *compact))
    except (ValueError, KeyError, RecursionError) as error:
        raise UnreadableEventError(f"no delivery in it ({type(error).__name__})") from None
    return Relayed(headers, tuple(texts))


def _members(text: str) -> Iterator[tuple[str, tuple[Any, str]]]:
    """Yield the members of an object, each value with the text it is written in. Raises ValueError."""
    place = _after_space(text, 0)
    if text[place : place + 1] != "{":
        raise ValueError("not an object")
    place = _after_space(text, place + 1)
    while text[place : place + 1] != "}":
        name, place = _DECODER.raw_decode(text, place)
        if not isinstance(name, str):
            raise ValueError("not a name")
        place = _after_space(text, place)
        if text[place : place + 1] != ":":
            raise ValueError("no value")
        start = _after_space(text, place + 1)
        value, end = _DECODER.raw_decode(text, start)
        yield name, (value, text[start:end])
        place = _after_space(text, end)
        if text[place : place + 1] == ",":
            place = _after_space(text, place + 1)
        elif text[place : place + 1] != "}":
            raise ValueError("not an object")


def _after_space(text: str, place: int) -> int:
    while place < len(text) and text[place] in _SPACE:
        place += 1
    return place


def _is_header(value: Any) -> bool:
    return isinstance(value, str) and "\n" not in value and "\r" not in value
