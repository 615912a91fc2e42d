"""The block `options`: makes multiple choice questions, whose wrong options are right answers of others.

Nobody shall find the right one without knowing: all four options have the same form, none stands in the question,
and none might be right, too, because it says nearly the same or answers nearly the same question.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar

from pydantic import Field
from rapidfuzz import fuzz

from pipeline.sdg.blocks.block import TextName, WholeLeafBlock, Work
from pipeline.sdg.blocks.dedupe import folded, names_in
from pipeline.sdg.blocks.siblings import SIBLINGS, read_siblings
from pipeline.sdg.rows import Row

LETTERS = ("A", "B", "C", "D")
_ALIKE_PERCENT = 80.0  # an option so like the right answer might be right, too
_SAME_QUESTION_PERCENT = 60.0  # as is the answer to a question so like this one, about the same names
_LENGTHS = (1, 3, 8, 20)  # words up to which answers look equally long
_YEAR = re.compile(r"(?:1\d|20)\d\d")


class Options(WholeLeafBlock):
    """Writes the texts option_a to option_d, and gold: each letter is gold equally often."""

    KIND: ClassVar[str] = "options"

    question: TextName = "question"
    answer: TextName = "answer"
    most_words: Annotated[int, Field(ge=1)] = 60  # of an answer that can stand among options

    def reads(self) -> frozenset[str]:
        """Return what it is made from."""
        return frozenset({self.question, self.answer, SIBLINGS})

    def writes(self) -> frozenset[str]:
        """Return the options and the gold letter."""
        return frozenset({*(f"option_{letter.lower()}" for letter in LETTERS), "gold"})

    def rows_of_all(self, rows: Sequence[Row], work: Work) -> Sequence[Row]:
        """Return the rows as multiple choice questions."""
        made: list[tuple[Row, list[str]]] = []
        for row in rows:
            wrong = self._wrong_options(row, _chance(work.seed, row.texts[self.question]))
            if isinstance(wrong, str):
                work.count.drop(row, wrong)
            else:
                made.append((row, wrong))
        letters = [LETTERS[i % len(LETTERS)] for i in range(len(made))]
        _chance(work.seed, "letters").shuffle(letters)
        return [self._with_options(row, wrong, gold) for (row, wrong), gold in zip(made, letters, strict=True)]

    def _wrong_options(self, row: Row, chance: random.Random) -> list[str] | str:
        """Return three answers to other questions, or why there are none."""
        question, right = row.texts[self.question], row.texts[self.answer]
        if len(right.split()) > self.most_words:
            return "the answer is too long for an option"
        if stands_in(right, question):
            return "the question gives its answer away"
        others = list(dict.fromkeys(self._others(row)))
        chance.shuffle(others)
        taken = [right]
        for answer in others:
            if not any(_alike(answer, each) for each in taken):
                taken.append(answer)
                if len(taken) == len(LETTERS):
                    return taken[1:]
        return "too few other answers have the form of the right one and are unlike it"

    def _others(self, row: Row) -> Iterator[str]:
        """Yield the answers to other questions that have the form of the right one and may not be right here."""
        question, form = row.texts[self.question], form_of(row.texts[self.answer])
        words, names = folded(question), names_in(question)
        for other, answer in read_siblings(row.texts[SIBLINGS]):
            if form_of(answer) != form or stands_in(answer, question):
                continue
            if names_in(other) != names or fuzz.ratio(folded(other), words) < _SAME_QUESTION_PERCENT:
                yield answer

    def _with_options(self, row: Row, wrong: list[str], gold: str) -> Row:
        options = list(wrong)
        options.insert(LETTERS.index(gold), row.texts[self.answer])
        return row.having(
            gold=gold,
            **{f"option_{letter.lower()}": option for letter, option in zip(LETTERS, options, strict=True)},
        )


def form_of(answer: str) -> tuple[str, int, bool]:
    """Return what can be seen of an answer without understanding it: its sort, about its length, its last sign."""
    words = answer.split()
    length = next((i for i, most in enumerate(_LENGTHS) if len(words) <= most), len(_LENGTHS))
    return _sort_of(answer.strip(" .!?"), words), length, answer.rstrip().endswith((".", "!", "?", "。"))


def _sort_of(answer: str, words: Sequence[str]) -> str:
    if _YEAR.fullmatch(answer):
        return "year"
    if any(sign.isdigit() for sign in answer):
        return "number"
    return (
        "name"
        if words and all(word[0].isupper() for word in words if len(word) > 3 or word is words[0])
        else "words"
    )


def stands_in(answer: str, question: str) -> bool:
    """True when the question says the answer already."""
    return f" {folded(answer)} " in f" {folded(question)} "


def _alike(one: str, other: str) -> bool:
    """True for answers that say nearly the same, or one of which says all that the other says."""
    a, b = folded(one), folded(other)
    return (
        fuzz.ratio(a, b) >= _ALIKE_PERCENT or set(a.split()) <= set(b.split()) or set(b.split()) <= set(a.split())
    )


def _chance(seed: int, text: str) -> random.Random:
    """Return a source of chance that is the same for the same seed and text, in every process."""
    digest = hashlib.sha256(f"{seed}:{text}".encode("utf-8", "surrogatepass")).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))  # noqa: S311 - not for secrets
