"""Cuts text where sentences surely end; where that is in doubt, two sentences stay together."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]*_]*+(\s++)|[。！？]++[」』”）]*+()")
_ABBREVIATIONS = re.compile(
    r"mr|mrs|ms|dr|prof|st|sr|jr|rev|gen|col|capt|lt|vs|etc|e\.g|i\.e|cf|al|figs?|eq|nos?|vols?|pp?|eds?|ca|approx|"
    r"inc|ltd|co|corp|dept|est|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|viz|resp|bzw|usw|nr|bd|mme"
)
_INITIALS = re.compile(r"(?:\w\.)*\w")
_NUMBER = re.compile(r"\d{1,9}")
_TICKS = re.compile(r"`++")
_WORD_BEFORE = 24


def sentences(text: str) -> list[str]:
    """Return the sentences in order, each with the white space that follows it; joined they are the text."""
    ends = [end for end in _ends(text) if end < len(text)]
    return [text[a:b] for a, b in zip([0, *ends], [*ends, len(text)], strict=True) if a < b]


def _ends(text: str) -> Iterator[int]:
    spans = _code_spans(text)
    starts = [start for start, _ in spans]
    for found in _END.finditer(text):
        span = bisect_right(starts, found.start()) - 1
        if span >= 0 and found.start() < spans[span][1]:
            continue  # a full stop inside code
        if found[1] is None or _is_end(text, found.start(), found.end(1)):
            yield found.end()


def _is_end(text: str, stop: int, following: int) -> bool:
    """Judge a full stop by the word before it and the letter after it."""
    if following >= len(text) or text[following].islower():
        return False
    if text[stop] != ".":
        return True
    words = text[max(0, stop - _WORD_BEFORE) : stop].split()
    word = words[-1].lstrip("([{\"'“‘«*_>-").casefold() if words else ""
    if _ABBREVIATIONS.fullmatch(word):
        return False
    if _NUMBER.fullmatch(word):
        return not _begins_line(text, stop - len(word))
    return _INITIALS.fullmatch(word) is None


def _begins_line(text: str, at: int) -> bool:
    """True for the number of a list's item."""
    return not text[text.rfind("\n", max(0, at - _WORD_BEFORE), at) + 1 : at].strip() and (
        at <= _WORD_BEFORE or "\n" in text[at - _WORD_BEFORE : at]
    )


def _code_spans(text: str) -> list[tuple[int, int]]:
    """Return where code in backticks begins and ends: a run of them up to the next run of the same length."""
    runs = [(found.start(), found.end()) for found in _TICKS.finditer(text)]
    next_of: dict[int, int] = {}
    partner: list[int | None] = [None] * len(runs)
    for number in range(len(runs) - 1, -1, -1):
        length = runs[number][1] - runs[number][0]
        partner[number] = next_of.get(length)
        next_of[length] = number
    spans, number = [], 0
    while number < len(runs):
        end = partner[number]
        if end is not None:
            spans.append((runs[number][0], runs[end][1]))
            number = end
        number += 1
    return spans
