"""How alike two answers are, by their words alone: a rough measure, named as such wherever it is shown."""

from __future__ import annotations

import re
from collections import Counter

METHOD = "token F1"
_WORD = re.compile(r"\w+", re.UNICODE)


def likeness(expected: str, answer: str) -> float:
    """Return the F1 score of the words that both share, 0 to 1; 1 when both have none.

    Source: the token overlap score of extractive question answering (SQuAD, section 6.1), without its articles.
    """
    wanted, given = Counter(_words(expected)), Counter(_words(answer))
    if not wanted or not given:
        return float(wanted == given)
    shared = sum((wanted & given).values())
    return 2 * shared / (sum(wanted.values()) + sum(given.values()))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
