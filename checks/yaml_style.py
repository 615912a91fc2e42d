"""The style problems of a YAML text: yamllint's own rules, used as a library."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from yamllint import linter
from yamllint.config import YamlLintConfig

CONFIGURATION = "{extends: relaxed, rules: {line-length: disable}}"
_DISABLED = re.compile(r"#\s*yamllint disable-file\s*")


@dataclass(frozen=True, slots=True)
class StyleProblem:
    """One problem of yamllint's; line and column count from 1."""

    line: int
    column: int
    rule: str
    is_error: bool


def style_problems(text: str) -> list[StyleProblem]:
    """Return what yamllint says of a text whose syntax is known to be sound, in the order of the text."""
    if _DISABLED.fullmatch(text.partition("\n")[0]):
        return []
    found = linter.get_cosmetic_problems(text, _configuration(), None)
    return [StyleProblem(p.line, p.column, p.rule, p.level == "error") for p in found]


@cache
def _configuration() -> Any:
    return YamlLintConfig(CONFIGURATION)
