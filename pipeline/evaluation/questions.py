"""Multiple choice questions to measure with, read strictly: one bad row, and nothing is measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.datasets import DatasetError, is_text, read_jsonl
from pipeline.sdg.rows import Split

LETTERS = "ABCDEFGHIJ"  # of the options of one question, at most


class QuestionError(Exception):
    """A question cannot be asked; the text names its place and what is wrong."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `answer` is the index of the right choice; `fact` is shared by all that ask for the same."""

    id: str
    question: str
    choices: tuple[str, ...]
    answer: int
    fact: str
    split: Split
    subject: str = ""

    @property
    def letters(self) -> str:
        """The letters of its choices."""
        return LETTERS[: len(self.choices)]


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Questions to measure with, and others, never measured with, to show as examples."""

    test: tuple[Question, ...]
    dev: tuple[Question, ...]

    def examples(self, shots: int, subject: str = "") -> tuple[Question, ...]:
        """Return the examples that a prompt shows: always the same, and fewer where there are fewer."""
        fitting = [question for question in self.dev if question.subject == subject]
        return tuple(sorted(fitting, key=lambda question: question.id)[:shots])

    def subjects(self) -> list[str]:
        """Return the subjects of the questions, sorted; an empty one where they have none."""
        return sorted({question.subject for question in self.test})


def questions_in(path: Path) -> list[Question]:
    """Return the questions of a file, of whatever split. Raises QuestionError, naming file and line."""
    try:
        return [question_of(row, f"{path}, row {i}") for i, row in enumerate(read_jsonl(path), start=1)]
    except DatasetError as error:
        raise QuestionError(str(error)) from None
    except OSError as error:
        raise QuestionError(f"{path}: {error.strerror}.") from None


def asked_once(files: Iterable[Iterable[Question]]) -> tuple[list[Question], int]:
    """Return the questions of several files, what they share only once, and how many that left out.

    Shared is what asks in the same words for the same answer, however its choices are ordered, or offers the same
    choices. What one file shows as an example is not measured with, though another asks it.
    """
    every = [list(file) for file in files]
    shown = {_words(each.question) for file in every for each in file if each.split is Split.DEV}
    kept: list[Question] = []
    asked: set[tuple[object, ...]] = set()
    for file in every:
        fresh = [each for each in file if asked.isdisjoint(_marks(each))]
        fresh = [each for each in fresh if each.split is Split.DEV or _words(each.question) not in shown]
        asked.update(mark for each in fresh for mark in _marks(each))
        kept += fresh
    return kept, sum(map(len, every)) - len(kept)


def _marks(question: Question) -> Iterator[tuple[object, ...]]:
    """Yield by what a question is known again."""
    words = _words(question.question)
    yield words, _words(question.choices[question.answer])
    yield words, question.choices


def question_set(questions: Iterable[Question]) -> QuestionSet:
    """Return the questions by what they are for. Raises QuestionError when one is asked twice, or none is left."""
    asked = list(questions)
    seen: set[tuple[object, ...]] = set()
    ids: set[str] = set()
    for question in asked:
        said = (question.subject, _words(question.question), question.choices)
        if said in seen or question.id in ids:
            raise QuestionError(f'The question "{question.question[:80]}" is there twice: it would count twice.')
        seen.add(said)
        ids.add(question.id)
    test = tuple(question for question in asked if question.split is Split.TEST)
    if not test:
        raise QuestionError("There is no question to measure with: none is of the split test.")
    return QuestionSet(test, tuple(question for question in asked if question.split is Split.DEV))


def question_of(row: Mapping[str, Any], where: str) -> Question:
    """Return the question in a row of our own format. Raises QuestionError."""
    said = row.get("metadata")
    metadata: Mapping[str, Any] = said if isinstance(said, dict) else {}
    try:
        split = Split(metadata.get("split", Split.TEST.value))
    except ValueError:
        raise QuestionError(f"{where}: the split has to be {Split.DEV} or {Split.TEST}.") from None
    if split is Split.TRAIN:
        raise QuestionError(f"{where}: nothing is measured with what is trained on (split train).")
    id_ = row.get("id")
    if not isinstance(id_, str) or not id_:
        raise QuestionError(f"{where}: the question has no id.")
    fact = metadata.get("fact")
    return checked(
        Question(
            id_,
            _text(row.get("question"), f"{where}: the question"),
            choices_of(row.get("choices"), where),
            _index(row.get("answer"), where),
            fact if isinstance(fact, str) and fact else id_,
            split,
        ),
        where,
    )


def checked(question: Question, where: str, *, may_repeat: bool = False) -> Question:
    """Return the question if it can be answered. Raises QuestionError."""
    if not 2 <= len(question.choices) <= len(LETTERS):
        raise QuestionError(f"{where}: a question has 2 to {len(LETTERS)} choices.")
    if not may_repeat and len({choice.casefold() for choice in question.choices}) < len(question.choices):
        raise QuestionError(f"{where}: two choices are the same.")
    if not 0 <= question.answer < len(question.choices):
        raise QuestionError(f"{where}: the answer is none of the {len(question.choices)} choices.")
    return question


def choices_of(value: object, where: str) -> tuple[str, ...]:
    """Return the choices, trimmed. Raises QuestionError."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise QuestionError(f"{where}: choices has to be a list of texts.")
    return tuple(_text(choice, f"{where}: a choice") for choice in value)


def _words(text: str) -> str:
    return " ".join(text.split()).casefold()


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or not value.strip() or not is_text(value):
        raise QuestionError(f"{what} has to be a text.")
    return value.strip()


def _index(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise QuestionError(f"{where}: answer has to be the index of the right choice, from 0.")
    return value
