"""The pages of the documentation as files, and the blocks of code that they show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_BLOCK = re.compile(
    r"(?:^`(?P<path>[^`\n]+)`:\n\n)?^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, and the path that stands over it; empty where none does."""

    page: str
    path: str
    language: str
    code: str


def pages() -> list[Path]:
    "Every page, generated ones included."
    return sorted(DOCS.rglob("*.md"))


def blocks(*names: str) -> Iterator[Block]:
    "Yield the blocks of these pages, or of all."
    for page in [DOCS / name for name in names] or pages():
        for found in _BLOCK.finditer(page.read_text(encoding="utf-8")):
            yield Block(str(page.relative_to(DOCS)), found["path"] or "", found["language"], found["code"])
