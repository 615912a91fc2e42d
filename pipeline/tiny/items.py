"""Questions, answers and contexts below headings: how examples come and how what was written goes back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_HEADING = re.compile(r"^### (Context|Question|Answer|Fact)[ \t]*$", re.MULTILINE)
_FALSE_HEADING = re.compile(r"^[ \t]*#+[ \t]*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Item:
    """One example or one thing written; what it does not have is empty."""

    question: str = ""
    answer: str = ""
    context: str = ""
    fact: str = ""


def read_items(text: str) -> list[Item]:
    """Return the items of a text in order; an item begins where a heading comes that the one before has already."""
    found: list[dict[str, str]] = []
    parts = _HEADING.split(text)
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        name = heading.lower()
        starts = (
            not found
            or name in found[-1]
            or name in ("context", "fact")
            or (name == "question" and "answer" in found[-1])
        )
        if starts:
            found.append({})
        found[-1][name] = body.strip()
    return [Item(**item) for item in found]


def write_items(items: Iterable[Item]) -> str:
    """Return the items in the one form that is asked for. A heading in a text begins nothing."""
    blocks = []
    for item in items:
        for name, text in (
            ("Context", item.context),
            ("Question", item.question),
            ("Answer", item.answer),
            ("Fact", item.fact),
        ):
            if text:
                blocks.append(f"### {name}\n{_FALSE_HEADING.sub('', text).strip()}")
    return "\n".join(blocks)
