"""What a text looks like, whatever its words: a sum, program code, or lines of verse."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_LONGEST = 4_000
_SUM = re.compile(
    r"(?<![\w.#/-])\d{1,12}(?:[.,]\d{1,6})?\s?[+*×÷^/=]\s?\d{1,12}(?![\w/-])"
    r"|\b\d{0,4}[xyn](?:\^\d|²)?\s?[-+*/=]\s?\d{1,6}\b"
    r"|\b\d{1,9} - \d{1,9}\b(?!\s?(?:pages|years|bc|ad))|[√∫∑]|\bsqrt\(|\blog\(|\b(?:sin|cos|tan)\("
)
_SUM_SIGN = re.compile(r"[-+*×÷^/=√∫∑(](?:(?<=[√∫∑(])|\s?\d)")  # one of these is in every sum
_CODE_LINE = re.compile(
    r"^\s{0,40}(?:```|def \w+\(|class \w+[:({]|import [\w.]+;?$|from [\w.]+ import |#include\b|#!/"
    r"|public (?:static|class)\b|(?:const|let|var) \w+ ?=|function \w*\(|fn \w+\(|SELECT\b.{1,200}\bFROM\b"
    r"|(?:for|while|if) ?\(.{1,100}\) ?\{|return \w.{0,100};|for \w+ in .{1,80}:$|if .{1,80}:$|print\("
    r"|console\.log\(|System\.out|\w[\w.]{0,40}\(.{0,100}\);$|\w+ = \w+\(.{0,80}\)$"
    r"|</?(?:html|head|body|div|p|ul|li|form|input|button)\b.{0,80}>$"
    r"|INSERT INTO\b|CREATE TABLE\b|\$ ?(?:sudo|git|ls|grep|awk|sed)\b)",
    re.MULTILINE,
)
_LETTERS = re.compile(r"[^\W\d_]+")
_LIST_ITEM = re.compile(r"\s*(?:[-*•>|#]|\d{1,3}[.)]|[A-Za-z][.):])\s|[^:]{1,40}:\s")
_FEWEST_LINES, _LONGEST_LINE = 3, 11


def has_sum(text: str) -> bool:
    """True for text in which numbers are added, divided, set equal and so on."""
    text = text[:_LONGEST]
    return _SUM_SIGN.search(text) is not None and _SUM.search(text) is not None


def has_code(text: str) -> bool:
    """True for text with two lines of program code, or one that is fenced off."""
    if "\n" not in text and "```" not in text:
        return False
    found = _CODE_LINE.findall(text[:_LONGEST])
    return len(found) >= 2 or any("```" in line for line in found)


def is_verse(text: str) -> bool:
    """True for short lines that hardly end in full stops, or that rhyme."""
    lines = [line.strip() for line in text[:_LONGEST].splitlines() if line.strip()]
    if len(lines) < _FEWEST_LINES or any(_LIST_ITEM.match(line) for line in lines):
        return False
    if any(not 1 < len(line.split()) <= _LONGEST_LINE for line in lines):
        return False
    stopped = sum(line.endswith((".", ":", ";")) for line in lines)
    return _rhymes(lines) or stopped * 3 <= len(lines)


def _rhymes(lines: list[str]) -> bool:
    endings: list[str] = [words[-1][-2:].lower() for line in lines if (words := _LETTERS.findall(line))]
    pairs = sum(a == b for at, a in enumerate(endings) for b in endings[at + 1 : at + 3])
    return pairs * 3 >= len(endings)


SHAPES: Mapping[str, Callable[[str], bool]] = {"arithmetic": has_sum, "code": has_code, "verse": is_verse}
