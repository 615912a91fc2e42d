"""The page on security names tests that exist, for every way in."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
WAYS_IN = PAGE.partition("## Ways in")[2].partition("\n## ")[0]
ROWS = [line for line in WAYS_IN.splitlines() if line.startswith("| ")][1:]


@cache
def held_in(path: str) -> set[str]:
    "The names of the tests in a file."
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize(("path", "name"), _NAMED.findall(PAGE))
def test_every_named_test_exists(path: str, name: str) -> None:
    "A renamed or deleted test is noticed here."
    assert name.startswith("test_")
    assert name in held_in(path)


def test_every_way_in_is_proven() -> None:
    "A row that no test proves is a wish."
    assert len(ROWS) >= 15
    assert [row for row in ROWS if not _NAMED.search(row)] == []


def test_the_security_rules_are_on() -> None:
    "Ruff looks for what bandit would find, in all that ships."
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'^select = \[.*"S",', settings, re.MULTILINE)
