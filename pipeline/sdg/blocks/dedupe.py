"""The block `dedupe`: of texts that say nearly the same, over the whole leaf, only one stays."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field
from rapidfuzz import fuzz, process

from pipeline.sdg.blocks.block import TextName, WholeLeafBlock, Work
from pipeline.sdg.rows import Row, Split

_ORDER = {Split.TEST: 0, Split.DEV: 1, Split.TRAIN: 2}  # who stays: a test is not thinned by what is trained on
_WORD = re.compile(r"\w+")
_NAME = re.compile(r"\b\d[\w.,]*\b|(?<=[\w,;)] )[^\W\d_a-z]\w+")


class Dedupe(WholeLeafBlock):
    """Compares folded words in their order (Levenshtein ratio of their characters), and with the seed examples."""

    KIND: ClassVar[str] = "dedupe"

    text: TextName
    likeness_percent: Annotated[int, Field(ge=50, le=100)] = 90

    def reads(self) -> frozenset[str]:
        """Return what it compares."""
        return frozenset({self.text})

    def rows_of_all(self, rows: Sequence[Row], work: Work) -> Sequence[Row]:
        """Return the rows without near-duplicates; test rows are looked at first, then dev, then train."""
        kept = Seen(self.likeness_percent)
        for known in work.known:
            kept.add(known)
        stays: list[Row] = []
        for row in sorted(rows, key=lambda row: (_ORDER[row.split], row.place)):
            if kept.has_alike(row.texts[self.text]):
                work.count.drop(row, self.because or f"the {self.text} nearly repeats another")
                continue
            kept.add(row.texts[self.text])
            stays.append(row)
        return sorted(stays, key=lambda row: row.place)


class Seen:
    """Texts by their folded words, and whether another is nearly one of them.

    Texts that name different things or numbers ask for different facts, however alike they are otherwise: "When was
    Ashby founded?" does not repeat "When was Birke founded?".
    """

    def __init__(self, likeness_percent: int) -> None:
        self._least = float(likeness_percent)
        self._exact: set[str] = set()
        self._alike: dict[tuple[frozenset[str], int], list[str]] = defaultdict(list)  # by names and length

    def add(self, text: str) -> None:
        """Remember a text."""
        words = folded(text)
        if words not in self._exact:
            self._exact.add(words)
            self._alike[names_in(text), len(words)].append(words)

    def has_alike(self, text: str) -> bool:
        """True when nearly the same was added. Texts whose lengths differ too much cannot be alike."""
        words, names = folded(text), names_in(text)
        if words in self._exact:
            return True
        # ratio = 1 - distance / (a + b), and the distance is at least the difference of the lengths
        share = self._least / (200 - self._least)
        shortest, longest = int(len(words) * share), int(len(words) / share) + 1
        return any(
            process.extractOne(words, self._alike[names, length], scorer=fuzz.ratio, score_cutoff=self._least)
            for length in range(shortest, longest + 1)
            if (names, length) in self._alike
        )


def folded(text: str) -> str:
    """Return the words alone: no case, no accents' spelling, no punctuation, single blanks."""
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def names_in(text: str) -> frozenset[str]:
    """Return the numbers, and the words that begin with a capital letter where no sentence begins."""
    return frozenset(word.casefold() for word in _NAME.findall(unicodedata.normalize("NFKC", text)))
