"""The style problems of a YAML text: yamllint's own rules, fed by libyaml's scanner because its own is slow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any

import yaml
from yamllint import linter, parser
from yamllint.config import YamlLintConfig

try:
    from yaml import CBaseLoader as _Scanner
except ImportError:  # a PyYAML built without libyaml: slower, the same tokens
    from yaml import BaseLoader as _Scanner  # type: ignore[assignment]

from checks.regular_shape import is_surely_regular
from checks.yaml_tree import YamlDocument

CONFIGURATION = "{extends: relaxed, rules: {line-length: disable, key-duplicates: disable}}"
_DIRECTIVE = "yamllint"
_FILE_DISABLED = re.compile(r"#\s*yamllint disable-file\s*")
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_SOUGHT = {
    "anchors": ("&", "*"),
    "braces": ("{",),
    "brackets": ("[",),
    "commas": ("{", "["),
    "new-lines": ("\r",),
}
_BLANKS_AT_END = (" \n", "\t\n", " \r", "\t\r", "\x0b", "\x0c")
_TOKENS_OF = {
    "hyphens": frozenset({yaml.BlockEntryToken}),
    "colons": frozenset({yaml.KeyToken, yaml.ValueToken}),
}
_MANY_TOKENS = 20_000
_LONGEST_WITH_DIRECTIVES = 100_000


@dataclass(frozen=True, slots=True)
class StyleProblem:
    """One problem of yamllint's; line and column count from 1."""

    line: int
    column: int
    rule: str
    is_error: bool


class _Mark:
    """A mark as yamllint's rules want it: one that knows the text. libyaml's own do not."""

    __slots__ = ("buffer", "column", "index", "line", "pointer")

    def __init__(self, mark: Any, buffer: str) -> None:
        self.line = mark.line
        self.column = mark.column
        self.index = self.pointer = mark.index
        self.buffer = buffer


def style_problems(text: str, document: YamlDocument) -> list[StyleProblem]:
    """Return what yamllint says of a text whose syntax is known to be sound, in the order of the text.

    Keys that stand twice are left to the YAML tree, which knows them already.
    """
    if _DIRECTIVE in text and len(text) < _LONGEST_WITH_DIRECTIVES:
        return slow_style_problems(text)
    configuration = _configuration()
    found = [*_line_problems(text, configuration)]
    if not is_surely_regular(text, document):
        found += _token_problems(text, configuration)
    found.sort(key=attrgetter("line", "column"))
    return found


def slow_style_problems(text: str) -> list[StyleProblem]:
    """Return the same in yamllint's own way, which also knows its directives in comments."""
    if is_switched_off(text):
        return []
    found = linter.get_cosmetic_problems(text, _configuration(), None)
    problems = (StyleProblem(p.line, p.column, p.rule, p.level == "error") for p in found)
    return sorted(problems, key=attrgetter("line", "column"))


def is_switched_off(text: str) -> bool:
    """True for a text whose first line asks yamllint to leave the file alone."""
    return _FILE_DISABLED.fullmatch(text.partition("\n")[0]) is not None


def _line_problems(text: str, configuration: Any) -> Iterator[StyleProblem]:
    rules = [rule for rule in _rules("line") if _may_find(rule.ID, text)]
    if not rules:
        return
    for line in parser.line_generator(text):
        for rule in rules:
            settings = configuration.rules[rule.ID]
            for problem in rule.check(settings, line):
                yield StyleProblem(problem.line, problem.column, rule.ID, settings["level"] == "error")


def _token_problems(text: str, configuration: Any) -> Iterator[StyleProblem]:
    rules: list[tuple[Any, Any, dict[str, Any], str, frozenset[Any] | None]] = [
        (rule.check, configuration.rules[rule.ID], {}, rule.ID, _TOKENS_OF.get(rule.ID))
        for rule in _rules("token")
        if _may_find(rule.ID, text)
    ]
    tokens: list[Any] = [None, *_tokens(text)]
    if type(tokens[-1]) is yaml.StreamEndToken:  # else the text goes on, and the last tokens only look ahead
        tokens += (None, None)
    interested: dict[type, list[Any]] = {}
    for previous, token, following, second in zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False):
        kind = type(token)
        if kind not in interested:
            interested[kind] = [rule for rule in rules if rule[4] is None or kind in rule[4]]
        for check, settings, context, name, _ in interested[kind]:
            for problem in check(settings, token, previous, following, second, context):
                yield StyleProblem(problem.line, problem.column, name, settings["level"] == "error")


def _may_find(rule: str, text: str) -> bool:
    """Say whether a text has what a rule looks for at all; most files have little of it."""
    sought = _SOUGHT.get(rule)
    if sought is not None:
        return any(part in text for part in sought)
    if rule == "new-line-at-end-of-file":
        return not text.endswith("\n")
    if rule == "trailing-spaces":
        return text.endswith((" ", "\t")) or any(part in text for part in _BLANKS_AT_END)
    if rule == "empty-lines":
        return "\r" in text or "\n\n\n" in text or text.startswith("\n") or text.endswith("\n\n")
    return True


def _tokens(text: str) -> list[Any]:
    buffer = text + "\0"
    scanner = _Scanner(text)
    tokens: list[Any] = []
    try:
        while len(tokens) < _MANY_TOKENS and (token := scanner.get_token()) is not None:
            token.start_mark = _Mark(token.start_mark, buffer)
            token.end_mark = _Mark(token.end_mark, buffer)
            tokens.append(token)
    except yaml.YAMLError:  # yamllint, too, stops looking there
        pass
    finally:
        scanner.dispose()
    _end_where_the_text_ends(tokens, text)
    return tokens


def _end_where_the_text_ends(tokens: list[Any], text: str) -> None:
    """Put the last marks where PyYAML's scanner has them: libyaml ends a line that the text does not end."""
    if text.endswith("\n"):
        return
    lines = _LINE_BREAK.split(text)
    for token in reversed(tokens):
        if token.end_mark.index < len(text):
            return
        for mark in (token.start_mark, token.end_mark):
            if mark.index >= len(text):
                mark.line, mark.column = len(lines) - 1, len(lines[-1])


@cache
def _rules(kind: str) -> tuple[Any, ...]:
    return tuple(rule for rule in _configuration().enabled_rules(None) if kind == rule.TYPE)


@cache
def _configuration() -> Any:
    return YamlLintConfig(CONFIGURATION)
