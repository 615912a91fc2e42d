"""General benchmarks from files on this machine: multiple choice questions and conversations of two turns.

Multiple choice comes in the layouts that are common: `dev` and `test` folders of CSV files, JSONL files, or folders
of Parquet files by subject. Nothing is fetched.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.datasets import DatasetError, read_jsonl, sha256_of
from pipeline.evaluation.questions import LETTERS, Question, QuestionError, QuestionSet, checked, choices_of
from pipeline.sdg.rows import Split

SAMPLE_MMLU = Path(__file__).parent / "data" / "sample_mmlu"
SAMPLE_TWO_TURNS = Path(__file__).parent / "data" / "sample_two_turns.jsonl"
SUBSETS: Mapping[str, int | None] = {"all": None, "small": 20, "tiny": 3}  # questions of each subject
_SPLITS = {"dev": Split.DEV, "test": Split.TEST}
_SUBJECT = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class BenchmarkFiles:
    """A benchmark as it lies on the disk. `sha256` is over the files that were read."""

    questions: QuestionSet
    sha256: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Two requests, the second about the answer to the first, with a good answer to each (may be empty)."""

    id: str
    category: str
    turns: tuple[str, str]
    references: tuple[str, str]


def read_benchmark(folder: Path, subset: str = "all") -> BenchmarkFiles:
    """Return multiple choice questions with their subjects; of a subset always the same ones.

    Raises QuestionError, naming file and row, or what was looked for.
    """
    if subset not in SUBSETS:
        raise QuestionError(f'There is no subset "{subset[:40]}". There are: {", ".join(SUBSETS)}.')
    files = list(_files(folder))
    found = [question for path, split, subject in files for question in _read(path, split, subject)]
    kept = {question.id: question for question in found}  # the same row twice is one question
    dev = {_said(question) for question in kept.values() if question.split is Split.DEV}
    test = [q for q in kept.values() if q.split is Split.TEST and _said(q) not in dev]
    if not test:
        raise QuestionError(
            f"{folder} holds no benchmark: neither test/*.csv, nor test.jsonl or *_test.jsonl, nor "
            "SUBJECT/test-*.parquet with a question in it."
        )
    chosen = tuple(_subset(test, SUBSETS[subset]))
    digest = hashlib.sha256("".join(f"{path.name}:{sha256_of(path)}\n" for path, *_ in files).encode()).hexdigest()
    return BenchmarkFiles(QuestionSet(chosen, tuple(q for q in kept.values() if q.split is Split.DEV)), digest)


def read_conversations(path: Path) -> list[Conversation]:
    """Return the conversations of a JSONL file. Raises QuestionError, naming the row."""
    found: dict[str, Conversation] = {}
    try:
        for number, row in enumerate(read_jsonl(path), start=1):
            each = _conversation(row, f"{path}, row {number}")
            if each.id in found:
                raise QuestionError(f"{path}, row {number}: the id {each.id[:40]} is there twice.")
            found[each.id] = each
    except DatasetError as error:
        raise QuestionError(str(error)) from None
    except OSError as error:
        raise QuestionError(f"{path}: {error.strerror}.") from None
    if not found:
        raise QuestionError(f"{path} holds no conversation.")
    return list(found.values())


def _conversation(row: Mapping[str, Any], where: str) -> Conversation:
    turns = row.get("turns")
    references = row.get("references") or row.get("reference") or ["", ""]
    if not _is_two_texts(turns) or not all(text.strip() for text in turns or ()):
        raise QuestionError(f"{where}: turns has to be two texts.")
    if not _is_two_texts(references):
        raise QuestionError(f"{where}: references has to be two texts, or to lack.")
    id_ = str(row.get("id") or row.get("question_id") or _digest(turns))
    return Conversation(id_, str(row.get("category", "")), tuple(turns), tuple(references))  # type: ignore[arg-type]


def _is_two_texts(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(text, str) for text in value)


def _files(folder: Path) -> Iterator[tuple[Path, Split, str]]:
    """Yield every file of a known layout, with its split and subject (empty: each row names its own)."""
    for name, split in _SPLITS.items():
        for path in sorted((folder / name).glob("*.csv")):
            yield path, split, _subject(path.stem.removesuffix(f"_{name}"))
        for path in sorted(folder.glob(f"*{name}.jsonl")):
            yield path, split, _subject(path.stem.removesuffix(name))
        for path in sorted((*folder.glob(f"{name}-*.parquet"), *folder.glob(f"*/{name}-*.parquet"))):
            subject = "" if path.parent in (folder, folder / "all") else path.parent.name
            yield path, split, _subject(subject)


def _read(path: Path, split: Split, subject: str) -> Iterator[Question]:
    try:
        for number, row in enumerate(_rows(path), start=1):
            yield _question(row, split, subject, f"{path}, row {number}")
    except DatasetError as error:
        raise QuestionError(str(error)) from None
    except (OSError, csv.Error, UnicodeDecodeError, ValueError) as error:
        raise QuestionError(f"{path} cannot be read: {error}") from None


def _rows(path: Path) -> Iterable[Mapping[str, Any]]:
    if path.suffix == ".csv":
        return _csv_rows(path)
    if path.suffix == ".jsonl":
        return read_jsonl(path)
    import pyarrow.parquet

    rows: list[Mapping[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return rows


def _csv_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield rows without a header: the question, its choices, and the letter of the right one."""
    with path.open(encoding="utf-8", newline="") as file:
        for number, cells in enumerate(csv.reader(file, strict=True), start=1):
            if len(cells) < 4 or len(cells[-1].strip()) != 1 or cells[-1].strip() not in LETTERS:
                raise QuestionError(
                    f"{path}, row {number}: a row is a question, its choices, and the letter of the right one."
                )
            yield {"question": cells[0], "choices": cells[1:-1], "answer": LETTERS.index(cells[-1].strip())}


def _question(row: Mapping[str, Any], split: Split, subject: str, where: str) -> Question:
    asked, answer = row.get("question"), row.get("answer")
    if not isinstance(asked, str) or not asked.strip():
        raise QuestionError(f"{where}: the question has to be a text.")
    if isinstance(answer, str) and len(answer) == 1 and answer in LETTERS:
        answer = LETTERS.index(answer)
    if not isinstance(answer, int) or isinstance(answer, bool):
        raise QuestionError(f"{where}: answer has to be the index of the right choice, from 0, or its letter.")
    choices = choices_of(row.get("choices"), where)
    named = subject or _subject(str(row.get("subject", "")))
    id_ = _digest([named, asked, choices, split])
    question = Question(id_, asked.strip(), choices, answer, id_, split, named)
    return checked(question, where, may_repeat=True)  # some public questions have twin choices


def _subset(questions: Iterable[Question], most: int | None) -> Iterator[Question]:
    """Yield so many questions of each subject: by their digests, so always the same ones, whatever their order."""
    taken: dict[str, int] = {}
    for question in sorted(questions, key=lambda question: (question.subject, question.id)):
        taken[question.subject] = taken.get(question.subject, 0) + 1
        if most is None or taken[question.subject] <= most:
            yield question


def _said(question: Question) -> tuple[str, tuple[str, ...]]:
    return question.question, question.choices


def _subject(text: str) -> str:
    return _SUBJECT.sub("_", text.casefold()).strip("_")


def _digest(said: object) -> str:
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:24]
