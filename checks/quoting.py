"""Contributor text inside our own sentences: one line, short, and without what must never be repeated."""

from __future__ import annotations

import re

from checks.personal_data import mask

_NOT_ONE_LINE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")
_LONGEST_READ = 2000


def quoted(text: str, longest: int = 60) -> str:
    """Return `text` in double quotes, masked, on one line and at most `longest` characters of it."""
    return f'"{_on_one_line(text, longest)}"'


def as_code(text: str, longest: int = 60) -> str:
    """Return a path, an address or a name in backticks, which reports show as code; else like `quoted`."""
    return f"`{_on_one_line(text.replace('`', chr(39)), longest)}`"


def _on_one_line(text: str, longest: int) -> str:
    line = _NOT_ONE_LINE.sub(" ", mask(text[:_LONGEST_READ])).strip()
    return line if len(line) <= longest else f"{line[:longest].rstrip()}…"
