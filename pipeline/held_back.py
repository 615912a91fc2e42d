"""What is held back to measure with, and so is trained on nowhere: questions, and the seed examples behind them."""

from __future__ import annotations

import re
import unicodedata

from pipeline.sample_lines import Sample

ASKED = "asks what is held back"
MADE_FROM = "made from a seed example that is held back"
_WORD = re.compile(r"\w+")
_LONG, _FEWEST = 4, 4  # letters of a word that tells, and how many of those a question needs to be known by them
_PLAIN = bytes(
    c if c in b"0123456789_abcdefghijklmnopqrstuvwxyz" else c + 32 if c in b"ABCDEFGHIJKLMNOPQRSTUVWXYZ" else 32
    for c in range(256)
)


class HeldBack:
    """Remembers what is held back by eight bytes a question, and tells whether a sample would give it away."""

    def __init__(self) -> None:
        self._asked: set[int] = set()
        self._seeds: set[tuple[str, str]] = set()

    def add(self, sample: Sample) -> None:
        """Hold back a sample, and everything that was made from its seed example."""
        self.add_question(sample.question)
        if sample.seed:
            self._seeds.add((sample.leaf, sample.seed))

    def add_question(self, question: str) -> None:
        """Hold back a question."""
        telling = telling_words(question)
        if telling:
            self._asked.add(hash(telling))

    def why_not(self, sample: Sample) -> str:
        """Return why a sample cannot be trained on; empty when it can."""
        if (sample.leaf, sample.seed) in self._seeds:
            return MADE_FROM
        return ASKED if hash(telling_words(sample.question)) in self._asked else ""


def telling_words(question: str) -> str:
    """Return the words that tell what is asked: no case, no punctuation, no words of up to three letters.

    Numbers stay, and all words do where fewer than four would be left. So "Which is the largest moon of Saturn,
    then?" asks the same as "which is the largest moon for Saturn then".
    """
    if question.isascii():  # most are, and it is three times as quick
        words = question.encode().translate(_PLAIN).decode().split()
    else:
        words = _WORD.findall(unicodedata.normalize("NFKC", question).casefold())
    telling = [word for word in words if len(word) >= _LONG or word[0].isdigit()]
    return " ".join(telling if len(telling) >= _FEWEST else words)
