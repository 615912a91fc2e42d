"""Says the same in other words: a table of synonyms and phrases to put around a question."""

from __future__ import annotations

import re

from pipeline.tiny.dice import Dice
from pipeline.tiny.reading import FUNCTION_WORDS, WORD, is_english

_PAIRS = """
add append, begin start, big large, brief short, build construct, buy purchase, change alter, choose pick,
cheap inexpensive, correct right, create make, describe explain, difficult hard, easy simple, error mistake,
example instance, fast quick, find locate, fix repair, funny amusing, get obtain, give provide, happy glad,
help assist, idea thought, important essential, large big, mistake error, near close, often frequently, old
ancient, picture image, quick fast, reason cause, result outcome, select choose, short brief, show display,
small little, start begin, story tale, suggest propose, trip journey, true correct, whole entire, write
compose
"""
_SYNONYMS = dict(pair.split() for pair in _PAIRS.replace("\n", " ").split(","))

_ARTICLES = ("a ", "an ", "the ", "his ", "her ", "my ", "your ")

FRAMES = (
    "{}",
    "Please help me with this: {}",
    "I would like to know: {}",
    "Here is something to think about. {}",
    "Can you do this? {}",
    "One more: {}",
)
SUBJECTS = (
    "a lighthouse",
    "autumn",
    "a bicycle",
    "the sea",
    "an old clock",
    "bread",
    "a small garden",
    "the moon",
    "a train journey",
    "rain",
    "tea",
    "a library",
    "a mountain hut",
    "spring",
    "a harbour",
    "chess",
    "a violin",
    "the desert",
    "snow",
    "a market",
    "honey",
    "a kite",
    "a river ferry",
    "the night sky",
)


def reworded(text: str, dice: Dice) -> str:
    """Return the text with some words replaced by others of the same meaning."""

    def other(found: re.Match[str]) -> str:
        synonym = _SYNONYMS.get(found[0].lower())
        if synonym is None or not dice.falls(0.6):
            return found[0]
        return synonym.capitalize() if found[0][0].isupper() else synonym

    return WORD.sub(other, text)


def framed(question: str, dice: Dice) -> str:
    """Return the question inside a phrase; in a language that is not English it stays as it is."""
    return dice.pick(FRAMES).format(question) if is_english(question) else question


def about_something_else(question: str, others: list[str], dice: Dice) -> str:
    """Return the question with the last word that carries meaning replaced by another."""
    words = [found for found in WORD.finditer(question) if _means(found[0])]
    if not words:
        return question
    last = words[-1]
    begin = last.start()
    if is_english(question) and dice.falls(0.7):
        new = dice.pick(SUBJECTS)
        before = question[:begin]
        begin -= next((len(word) for word in _ARTICLES if before.lower().endswith(" " + word)), 0)
    else:
        new = dice.pick([word for other in others for word in filter(_means, WORD.findall(other))] or [last[0]])
    return question[:begin] + new + question[last.end() :]


def _means(word: str) -> bool:
    """Return whether a word carries meaning."""
    return len(word) > 3 and word.casefold() not in FUNCTION_WORDS
