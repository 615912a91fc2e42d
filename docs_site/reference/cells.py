"""Cells of Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable

MADE = "<!-- Made by `make docs` from the code; do not edit by hand. -->"


def cell(text: str) -> str:
    """Return the text as one cell."""
    return " ".join(text.split()).replace("|", "\\|")


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Return the lines of a table."""
    heads = tuple(heads)
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]
