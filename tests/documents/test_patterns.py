"""Patterns name the files that the shell would find, by names alone, and quickly whatever they hold."""

from __future__ import annotations

import glob
import time
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.document_patterns import pattern_problem, read_pattern

PATHS = (
    "a.md",
    "b.md",
    ".h.md",
    "x/a.md",
    "x/.h.md",
    "x/y/a.md",
    "x/y/b.txt",
    ".x/a.md",
    "x/[b].md",
    "x/y/z/ab.md",
)


@cache
def a_folder() -> TemporaryDirectory[str]:
    folder = TemporaryDirectory()
    for path in PATHS:
        file = Path(folder.name) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return folder


def found_by_shell(pattern: str) -> set[str]:
    found = glob.glob(pattern, root_dir=a_folder().name, recursive=True)  # noqa: PTH207  # it knows hidden names
    return set(found) & set(PATHS)


def named(pattern: str) -> set[str]:
    return {path for path in PATHS if read_pattern(pattern).names(path)}


@pytest.mark.parametrize(
    "pattern",
    [
        "a.md",
        "*.md",
        ".*.md",
        "**/*.md",
        "**",
        "**/**/a.md",
        "x/**",
        "x/**/a.md",
        "**/y/*",
        "x/?/a.md",
        "x/[[]b].md",
        "x/[!b].md",
        "[ab].md",
        "*/*",
        "x/**/z/**/ab.md",
        "**x/a.md",
        ".x/**",
        "[",
        "A.md",
    ],
)
def test_patterns_name_what_the_shell_finds(pattern: str) -> None:
    assert named(pattern) == found_by_shell(pattern)


_STEP = st.sampled_from(
    ["*", "**", "?", "x", "y", "[xy]", "[!x]", "*.md", "a.md", ".*", "a*", "*b.md", ".x", "?.md"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_STEP, min_size=1, max_size=5).map("/".join))
def test_any_pattern_names_what_the_shell_finds(pattern: str) -> None:
    assert pattern_problem(pattern) == ""
    assert named(pattern) == found_by_shell(pattern)


@pytest.mark.parametrize(
    "pattern", ["*a" * 400 + "b", "**/" * 40 + "b", "[" * 900, "a*" * 400, "?*" * 400, "**/*a/" * 20 + "b"]
)
def test_a_hostile_pattern_costs_little(pattern: str) -> None:
    paths = ["a" * 200, "/".join(["a" * 5] * 40), "[" * 200]
    began = time.process_time()
    reading = read_pattern(pattern)
    assert not any(reading.names(path) for path in paths * 20)
    assert time.process_time() - began < 2
