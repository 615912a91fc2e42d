"""Prohibited material in generated text: telling phrases by topic, few and sure; a person judges the rest."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import yaml

LIST = Path(__file__).parent / "prohibited.yaml"


def prohibited(text: str) -> str:
    """Return the topic of the first prohibited phrase in the text, or an empty text. Never repeats the phrase."""
    words = " ".join(re.findall(r"[\w']+", text.casefold()))
    found = _pattern().search(words)
    return next((name.replace("_", " ") for name, hit in found.groupdict().items() if hit), "") if found else ""


@cache
def _pattern() -> re.Pattern[str]:
    topics: dict[str, list[str]] = yaml.safe_load(LIST.read_text(encoding="utf-8"))
    return re.compile("|".join(f"(?P<{topic}>{_any_of(phrases)})" for topic, phrases in topics.items()))


def _any_of(phrases: list[str]) -> str:
    return r"\b(?:" + "|".join(re.escape(phrase.casefold()) for phrase in phrases) + r")\b"
