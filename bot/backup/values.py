"""One row of a table as a line of JSON, the same from every database."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bot.store.text import keepable

_MOMENT, _BYTES = "at", "base64"
_PLAIN = (str, int, float, bool, type(None))


class UnreadableRowError(ValueError):
    """A line is no row."""


def line_of(row: Sequence[Any]) -> bytes:
    """Return a row as a line. Moments are in UTC; SQLite, which forgets the zone, holds nothing else."""
    return json.dumps([_told(value) for value in row], ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def row_of(line: bytes, width: int) -> list[Any]:
    """Return the row in a line, made fit for either database. Raises UnreadableRowError."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise UnreadableRowError("it is no JSON") from None
    if not isinstance(found, list) or len(found) != width:
        raise UnreadableRowError("it has another number of columns")
    return [_value(each) for each in found]


def _told(value: Any) -> Any:
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return {_MOMENT: aware.astimezone(UTC).isoformat()}
    if isinstance(value, bytes | bytearray | memoryview):
        return {_BYTES: base64.b64encode(value).decode()}
    return keepable(value) if isinstance(value, str) else value


def _value(told: Any) -> Any:
    if isinstance(told, str):
        return keepable(told)
    if isinstance(told, _PLAIN):
        return told
    if isinstance(told, dict) and len(told) == 1:
        [(kind, text)] = told.items()
        try:
            if kind == _MOMENT:
                return datetime.fromisoformat(text).astimezone(UTC)
            if kind == _BYTES:
                return base64.b64decode(text, validate=True)
        except (TypeError, ValueError, OverflowError, binascii.Error):
            raise UnreadableRowError("a moment or bytes in it cannot be read") from None
    raise UnreadableRowError("it holds something that no column holds")
