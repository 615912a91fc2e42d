"""The findings as they are read: on a terminal of any width, and by programs."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from bot.comments.escape import for_terminals_removed, visible
from bot.doctor.findings import Level, Section, worst

_SIGNS = {Level.OK: "✔", Level.ATTENTION: "!", Level.BROKEN: "✘"}
_COLOURS = {Level.OK: "\x1b[32m", Level.ATTENTION: "\x1b[33m", Level.BROKEN: "\x1b[31m"}
_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"
_NARROWEST, _WIDEST = 24, 100


def lines_of(sections: Sequence[Section], width: int, *, colours: bool) -> Iterator[str]:
    """Yield the lines of a report."""
    width = max(_NARROWEST, min(width, _WIDEST))
    for section in sections:
        yield f"{_BOLD}{section.title}{_PLAIN}" if colours else section.title
        for line in section.lines:
            sign = f"{_COLOURS[line.level]}{_SIGNS[line.level]}{_PLAIN}" if colours else _SIGNS[line.level]
            first, *rest = _wrapped(line.text, width - 4)
            yield f"  {sign} {first}"
            yield from (f"    {more}" for more in rest)
            if line.remedy:
                first, *rest = _wrapped(line.remedy, width - 6)
                yield f"    → {first}"
                yield from (f"      {more}" for more in rest)
    yield ""
    yield from _wrapped(summary(sections), width)


def summary(sections: Sequence[Section]) -> str:
    """Return the whole in a sentence."""
    count = Counter(line.level for section in sections for line in section.lines)
    if not count[Level.BROKEN] and not count[Level.ATTENTION]:
        return "All is well."
    parts = []
    if broken := count[Level.BROKEN]:
        parts.append(f"{broken} {'thing is' if broken == 1 else 'things are'} broken")
    if doubtful := count[Level.ATTENTION]:
        parts.append(f"{doubtful} {'asks' if doubtful == 1 else 'ask'} for attention")
    return " and ".join(parts) + "; the arrows say what to do."


def data_of(sections: Sequence[Section]) -> dict[str, Any]:
    """Return the report for programs."""
    return {
        "status": worst(sections).word,
        "probes": [
            {
                "name": section.name,
                "title": section.title,
                "status": section.level.word,
                "took_s": round(section.took_s, 3),
                "findings": [
                    {"status": line.level.word, "text": line.text, "remedy": line.remedy} for line in section.lines
                ],
            }
            for section in sections
        ],
    }


def _wrapped(text: str, width: int) -> list[str]:
    """Return a sentence in lines; others' words in it can neither steer the terminal nor hide."""
    said = visible(for_terminals_removed(text))
    return textwrap.wrap(said, width, break_long_words=True, break_on_hyphens=False) or [""]
