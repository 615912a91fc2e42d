"""The block `siblings`: lets every row know all questions and answers of the leaf, also those dropped later."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

from pipeline.sdg.blocks.block import TextName, WholeLeafBlock, Work
from pipeline.sdg.rows import Row

SIBLINGS = "siblings"


class Siblings(WholeLeafBlock):
    """Writes the text `siblings`, the same for all rows. Put it behind `safety`: it may be shown to students."""

    KIND: ClassVar[str] = "siblings"

    question: TextName = "question"
    answer: TextName = "answer"

    def reads(self) -> frozenset[str]:
        """Return what it gathers."""
        return frozenset({self.question, self.answer})

    def writes(self) -> frozenset[str]:
        """Return where it puts it."""
        return frozenset({SIBLINGS})

    def rows_of_all(self, rows: Sequence[Row], work: Work) -> Sequence[Row]:
        """Return the rows, each knowing the others."""
        said = json.dumps([(row.texts[self.question], row.texts[self.answer]) for row in rows])
        return [row.having(**{SIBLINGS: said}) for row in rows]


@lru_cache(maxsize=8)
def read_siblings(text: str) -> tuple[tuple[str, str], ...]:
    """Return the questions and answers that a row knows of."""
    return tuple((question, answer) for question, answer in json.loads(text))
