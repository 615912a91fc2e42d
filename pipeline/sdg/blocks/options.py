"""The block `options`: makes multiple choice questions, whose wrong options are right answers of others."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field
from rapidfuzz import fuzz

from pipeline.sdg.blocks.block import TextName, WholeLeafBlock, Work
from pipeline.sdg.blocks.dedupe import folded
from pipeline.sdg.rows import Row

LETTERS = ("A", "B", "C", "D")
_ALIKE_PERCENT = 80.0  # an option so like the right answer might be right, too


class Options(WholeLeafBlock):
    """Writes the texts option_a to option_d, and gold: each letter is gold equally often."""

    KIND: ClassVar[str] = "options"

    question: TextName = "question"
    answer: TextName = "answer"
    most_words: Annotated[int, Field(ge=1)] = 60  # of an answer that can stand among options

    def reads(self) -> frozenset[str]:
        """Return what it is made from."""
        return frozenset({self.question, self.answer})

    def writes(self) -> frozenset[str]:
        """Return the options and the gold letter."""
        return frozenset({*(f"option_{letter.lower()}" for letter in LETTERS), "gold"})

    def rows_of_all(self, rows: Sequence[Row], work: Work) -> Sequence[Row]:
        """Return the rows as multiple choice questions."""
        made: list[tuple[Row, list[str]]] = []
        for row in rows:
            chance = _chance(work.seed, row.texts[self.question])
            wrong = self._wrong_options(row, rows, chance)
            if wrong is None:
                work.count.drop(row, "too few other answers are unlike the right one")
            else:
                made.append((row, wrong))
        letters = [LETTERS[i % len(LETTERS)] for i in range(len(made))]
        _chance(work.seed, "letters").shuffle(letters)
        return [self._with_options(row, wrong, gold) for (row, wrong), gold in zip(made, letters, strict=True)]

    def _wrong_options(self, row: Row, rows: Sequence[Row], chance: random.Random) -> list[str] | None:
        """Return three answers to other questions, unlike the right one and one another; or None."""
        taken = [row.texts[self.answer]]
        if len(taken[0].split()) > self.most_words:
            return None
        others = [other.texts[self.answer] for other in rows if other is not row]
        chance.shuffle(others)
        for answer in others:
            if len(answer.split()) <= self.most_words and not any(_alike(answer, each) for each in taken):
                taken.append(answer)
                if len(taken) == len(LETTERS):
                    return taken[1:]
        return None

    def _with_options(self, row: Row, wrong: list[str], gold: str) -> Row:
        options = list(wrong)
        options.insert(LETTERS.index(gold), row.texts[self.answer])
        return row.having(
            gold=gold,
            **{f"option_{letter.lower()}": option for letter, option in zip(LETTERS, options, strict=True)},
        )


def _alike(one: str, other: str) -> bool:
    return fuzz.ratio(folded(one), folded(other)) >= _ALIKE_PERCENT


def _chance(seed: int, text: str) -> random.Random:
    """Return a source of chance that is the same for the same seed and text, in every process."""
    digest = hashlib.sha256(f"{seed}:{text}".encode("utf-8", "surrogatepass")).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))  # noqa: S311 - not for secrets
