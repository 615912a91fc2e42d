"""The data of a build's leaves at hand: fetched, looked through, and what of it is kept to measure with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.build_orders import OrderedLeaf, generating
from pipeline.building.orders_at_hand import AtHand
from pipeline.datasets import MANIFEST, DatasetError, FreshFile, fresh_file, read_jsonl
from pipeline.evaluation.questions import Question, QuestionError, question_of
from pipeline.generation import QUESTIONS, SAMPLES
from pipeline.sample_lines import line_blocks, may_be_held_back, read_sample
from pipeline.sdg.rows import Split

HELD_OUT, HELD_BACK = "held_out.jsonl", "held_back.jsonl"
NO_DATA = "its data set did not come with the order"
Tell = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class LeafData:
    """The data of a leaf in a folder of its own, whose name tells nothing of it."""

    leaf: OrderedLeaf
    folder: Path

    @property
    def samples(self) -> Path:
        """The file of its samples."""
        return self.folder / SAMPLES

    @property
    def questions(self) -> Path:
        """The file of its questions, where it has any."""
        return self.folder / QUESTIONS


@dataclass(slots=True)
class Kept:
    """What is kept to measure with. `questions` and `held_out` count; `empty` are leaves that cannot be used."""

    questions: int = 0
    held_out: int = 0
    repeated: int = 0
    empty: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def fetched(hand: AtHand, folder: Path, tell: Tell = lambda *_: None) -> tuple[list[LeafData], dict[str, str]]:
    """Return the leaves of an order with their data, in the order of their paths, and why others have none.

    Raises InputError.
    """
    there: list[LeafData] = []
    empty: dict[str, str] = {}
    leaves = sorted(hand.order.leaves, key=lambda leaf: leaf.path)
    for number, leaf in enumerate(leaves):
        step, place = generating(leaf.path), folder / f"{number:05}"
        names = {ending: _ending(hand.names(step), ending) for ending in (SAMPLES, QUESTIONS, MANIFEST)}
        if not names[SAMPLES]:
            empty[leaf.path] = NO_DATA
            continue
        for ending, name in names.items():
            if name:
                hand.fetch(step, name, place / ending)
        there.append(LeafData(leaf, place))
        tell((number + 1) / len(leaves), f"fetching the data of {len(leaves)} leaves")
    return there, empty


def _ending(names: list[str], ending: str) -> str:
    """Return the name of a leaf's file: it begins with the leaf's, which the store may have cut."""
    return next((name for name in names if name == ending or name.endswith(f".{ending}")), "")


def keep_aside(leaves: list[LeafData], folder: Path, tell: Tell = lambda *_: None) -> Kept:
    """Write what is kept to measure with, of all leaves: questions, samples for a judge, and all that is held back.

    Every row names its leaf. A leaf without questions is measured by a judge. What cannot be read is left out.
    """
    kept = Kept()
    known: set[int] = set()
    with (
        fresh_file(folder / QUESTIONS) as questions,
        fresh_file(folder / HELD_OUT) as held_out,
        fresh_file(folder / HELD_BACK) as held_back,
    ):
        for number, data in enumerate(leaves):
            rows = _questions(data, kept)
            for row in rows:
                _add_question(row, questions, known, kept)
            try:
                found = list(_held_back(data.samples))
            except DatasetError as error:
                kept.empty[data.leaf.path] = _in_words(error, data)
                continue
            for line, split in found:
                held_back.add(line)
                if split is Split.TEST and not rows and (judged := _to_be_judged(line, data.leaf.path)):
                    held_out.add(judged)
                    kept.held_out += 1
            tell((number + 1) / len(leaves), "setting aside what to measure with")
    return kept


def damaged(leaves: list[LeafData]) -> dict[str, str]:
    """Return which leaves hold a line that is no sample, and where."""
    found = {}
    for data in leaves:
        try:
            for first, lines in line_blocks(data.samples):
                for number, line in enumerate(lines, start=first):
                    if not line.isspace():
                        read_sample(line, data.samples, number)
        except DatasetError as error:
            found[data.leaf.path] = _in_words(error, data)
    return found


def _in_words(error: Exception, data: LeafData) -> str:
    return str(error).replace(f"{data.folder}/", "")[:500]


def _questions(data: LeafData, kept: Kept) -> list[tuple[Question, dict[str, Any]]]:
    """Return the questions of a leaf with their rows, none where one of them cannot be asked."""
    if not data.questions.is_file():
        return []
    try:
        rows = list(read_jsonl(data.questions))
        asked = [(question_of(row, f"{QUESTIONS}, row {i}"), row) for i, row in enumerate(rows, start=1)]
    except (DatasetError, QuestionError) as error:
        kept.remarks.append(f"{data.leaf.path}: its questions are left out. {_in_words(error, data)}")
        return []
    for _, row in asked:
        said = row.get("metadata")
        row["metadata"] = {**(said if isinstance(said, dict) else {}), "leaf": data.leaf.path}
    return asked


def _add_question(asked: tuple[Question, dict[str, Any]], file: FreshFile, known: set[int], kept: Kept) -> None:
    """Write a question, unless another leaf asks the same."""
    question, row = asked
    said = hash((" ".join(question.question.split()).casefold(), question.choices))
    if said in known or hash(question.id) in known:
        kept.repeated += 1
        return
    known |= {said, hash(question.id)}
    file.add(_line(row))
    kept.questions += 1


def _held_back(samples: Path) -> Iterator[tuple[bytes, Split]]:
    """Yield the lines of a file that are not trained on, with their split. Raises DatasetError."""
    for first, lines in line_blocks(samples):
        for number, line in enumerate(lines, start=first):
            if not line.isspace() and may_be_held_back(line):
                split = read_sample(line, samples, number).split
                if split is not Split.TRAIN:
                    yield line.strip() + b"\n", split


def _to_be_judged(line: bytes, leaf: str) -> bytes:
    """Return a sample as a judge's question of its leaf; nothing where it asks or answers nothing."""
    row = json.loads(line)
    said = {message["role"]: message["content"] for message in row["messages"]}
    if not said.get("user", "").strip() or not said.get("assistant", "").strip():
        return b""
    row["metadata"]["leaf"] = leaf
    return _line(row)


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, sort_keys=True, separators=(",", ":")).encode() + b"\n"
