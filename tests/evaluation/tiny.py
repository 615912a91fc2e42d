"""A tiny student, and questions for it whose words are no knowledge of anybody's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.evaluation.questions import Question, QuestionSet
from pipeline.sdg.rows import Split

_THINGS = ("owls", "voles", "mice", "frogs", "rivers", "valleys", "hills", "beetles", "texts", "miles")
_WORDS = ("at night", "after two hundred", "the sea", "from 1 to 3", "yes", "with no text", "three", "in the river")


@dataclass(frozen=True, slots=True)
class TinyFolders:
    "Where the model and its adapter lie."

    base: Path
    adapter: Path


def question(i: int, split: Split = Split.TEST, **changed: str) -> Question:
    "The ith question."
    choices = tuple(_WORDS[(i + k * (1 + i % 2)) % len(_WORDS)] for k in range(4))
    asked = changed.get("question", f"What of {_THINGS[i % len(_THINGS)]} is number {i}?")
    return Question(f"{split}-{i:03}", asked, choices, i % 4, f"fact {i // 2}", split)


def some_questions(test: int = 24, dev: int = 6) -> QuestionSet:
    "Questions, two to a fact, and others for examples."
    return QuestionSet(
        tuple(question(i) for i in range(test)), tuple(question(900 + i, Split.DEV) for i in range(dev))
    )
