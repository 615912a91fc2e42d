"""The passages of a leaf: each question with its answer, and each context."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from checks.contribution import Contribution, Leaf, SeedExample
from checks.yaml_tree import Scalar

MOST_OF_A_LEAF = 400
_MOST_CHARACTERS = 8_000  # of one text


@dataclass(frozen=True, slots=True)
class Passage:
    """A question with its answer, as asked about a context, or a context by itself: then it has no question."""

    line: int
    question: str
    answer: str
    context: str
    is_knowledge: bool = False

    @property
    def is_context(self) -> bool:
        """True for a context by itself."""
        return not self.question


def passages_of(leaf: Leaf) -> Iterator[Passage]:
    """Yield the passages of a leaf in order, of very many the first ones."""
    left = MOST_OF_A_LEAF
    for seed in leaf.seed_examples:
        for passage in _of_seed(leaf, seed):
            if left == 0:
                return
            left -= 1
            yield passage


def _of_seed(leaf: Leaf, seed: SeedExample) -> Iterator[Passage]:
    context = _text(seed.context)
    if context and seed.context is not None:
        yield Passage(seed.context.mark.line, "", "", context, leaf.is_knowledge)
    for pair in seed.pairs:
        question, answer = _text(pair.question), _text(pair.answer)
        if question and answer and pair.question is not None:
            yield Passage(pair.question.mark.line, question, answer, context, leaf.is_knowledge)


def _text(scalar: Scalar | None) -> str:
    return scalar.text[:_MOST_CHARACTERS].replace("\0", " ").strip() if scalar is not None else ""


def passages_by_leaf(contribution: Contribution) -> dict[str, tuple[Passage, ...]]:
    """Return the passages of each leaf of a contribution by its path."""
    return {leaf.path: tuple(passages_of(leaf)) for leaf in contribution.leaves}
