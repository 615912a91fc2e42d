"""Applying mechanical fixes to the text of one file: line edits, so that comments and layout stay as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from checks.findings import Finding, Suggestion, Tidying
from checks.hidden_characters import without_hidden
from checks.tab_indents import without_tab_indents

_LINE_END = re.compile(r"\r\n|\n|\r")
_OTHER_LINE_END = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_BLANKS_AT_END = re.compile(r"[ \t]+(?=\r?\n|\r|\Z)")
_MANY_EMPTY_LINES = re.compile(r"(?<=\n)\n{3,}")
_NO_YAML = re.compile("[\x0c\x80-\x84\x86-\x9f\ufffe\uffff]")  # not hidden everywhere, and never allowed in YAML
_MOST_BYTES = 4 * 1024**2


def applied(content: bytes, findings: Iterable[Finding]) -> bytes:
    """Return a file's content with the fixes of its findings, as many of them as do not overlap.

    Of two that change the same line the first one is taken; judge the result again for what is left. Moves are
    left out. Content that is no text is returned as it is.
    """
    fixable = [f for f in findings if f.is_fixable]
    tidyings = {f.tidying for f in fixable if f.tidying is not None}
    if len(content) > _MOST_BYTES:
        return content
    if Tidying.ENCODING in tidyings:
        return _as_utf8(content)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return content
    suggestions = [f.suggestion for f in fixable if f.suggestion is not None and f.tidying is None]
    text = _edited(text, apart(suggestions))
    for tidying in Tidying:  # in their order: what one lays bare is for the next one
        if tidying in tidyings:
            text = _TIDY[tidying](text)
    return text.encode("utf-8")


def apart(suggestions: Iterable[Suggestion]) -> list[Suggestion]:
    """Return the suggestions from top to bottom, without those that overlap an earlier one or are not certain."""
    kept: list[Suggestion] = []
    last = 0
    for suggestion in sorted(suggestions, key=lambda s: (s.first_line, s.last_line)):
        is_sound = last < suggestion.first_line <= suggestion.last_line
        if suggestion.certain and is_sound:
            kept.append(suggestion)
            last = suggestion.last_line
    return kept


def can_be_edited(text: str, *, as_yaml: bool) -> bool:
    """Say whether everyone counts the lines of a text alike; elsewhere a line edit could meet the wrong line."""
    return as_yaml or _OTHER_LINE_END.search(text) is None


def _edited(text: str, suggestions: Sequence[Suggestion]) -> str:
    """Return the text with its lines replaced, each new one ended as the one whose place it takes."""
    if not suggestions:
        return text
    lines, ends = _LINE_END.split(text), [*_LINE_END.findall(text), ""]
    for suggestion in reversed(suggestions):
        first, last = suggestion.first_line - 1, suggestion.last_line
        if last > len(lines):
            continue
        usual = ends[first] or (ends[first - 1] if first else "") or "\n"
        lines[first:last] = suggestion.lines
        ends[first:last] = [*(usual for _ in suggestion.lines[1:]), ends[last - 1]] if suggestion.lines else []
    return "".join(line + end for line, end in zip(lines, ends, strict=True))


def _as_utf8(content: bytes) -> bytes:
    try:
        return content.decode("utf-16").encode("utf-8")
    except UnicodeError:
        return content


def _without_mark(text: str) -> str:
    return text.removeprefix("\ufeff")


def _without_hidden(text: str) -> str:
    mark = "\ufeff" if text.startswith("\ufeff") else ""  # a fix of its own
    return mark + _NO_YAML.sub("", without_hidden(text.removeprefix(mark)))


def _with_plain_ends(text: str) -> str:
    return _LINE_END.sub("\n", text)


def _without_tabs(text: str) -> str:
    spaced = without_tab_indents(text)
    return text if spaced is None else spaced


def _without_blanks_at_ends(text: str) -> str:
    return _BLANKS_AT_END.sub("", text)


def _without_empty_lines(text: str) -> str:
    return _MANY_EMPTY_LINES.sub("\n\n", text.strip("\n")) + ("\n" if text.endswith("\n") else "")


def _with_final_newline(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"


_TIDY = {
    Tidying.BYTE_ORDER_MARK: _without_mark,
    Tidying.HIDDEN_CHARACTERS: _without_hidden,
    Tidying.LINE_ENDS: _with_plain_ends,
    Tidying.TABS: _without_tabs,
    Tidying.TRAILING_SPACES: _without_blanks_at_ends,
    Tidying.EMPTY_LINES: _without_empty_lines,
    Tidying.FINAL_NEWLINE: _with_final_newline,
}
