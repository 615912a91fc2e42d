"""Lines of samples, read strictly and quickly: a line goes on as the bytes it is; only what decides is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_core import from_json

from pipeline.datasets import DatasetError
from pipeline.sdg.rows import Split

_BLOCK_BYTES = 1 << 20
_SPLITS = {split.value: split for split in Split}


class Sample(NamedTuple):
    """What decides about a sample: what it asks, its side of the split, its leaf, and its seed example's digest."""

    question: str
    split: Split
    leaf: str
    seed: str


def line_blocks(path: Path) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the lines of a file, some at a time, with the number of the first. Blank lines are among them."""
    number = 1
    with path.open("rb") as file:
        while lines := file.readlines(_BLOCK_BYTES):
            yield number, lines
            number += len(lines)


def read_sample(line: bytes, path: Path, number: int) -> Sample:
    """Return what a line says. Raises DatasetError, naming file and line."""
    row = _object(line, path, number)
    try:
        question = ""
        for message in row["messages"]:
            role, content = message["role"], message["content"]
            if role.__class__ is not str or content.__class__ is not str:
                raise TypeError
            if not question and role == "user":
                question = content
        if not row["messages"]:
            raise TypeError
    except (KeyError, TypeError, IndexError):
        raise DatasetError(
            f'{path}, line {number}: "messages" has to be a list of objects with the texts "role" and "content".'
        ) from None
    said = row.get("metadata")
    if said is None:
        return Sample(question, Split.TRAIN, "", "")
    if said.__class__ is not dict:
        raise DatasetError(f'{path}, line {number}: "metadata" has to be an object.')
    split = said.get("split", "train")
    if split.__class__ is not str or split not in _SPLITS:
        raise DatasetError(f'{path}, line {number}: "metadata.split" has to be one of {", ".join(_SPLITS)}.')
    return Sample(question, _SPLITS[split], str(said.get("leaf", "")), str(said.get("seed_digest", "")))


def read_question(line: bytes, path: Path, number: int) -> str:
    """Return what a line of a test asks: of a multiple choice question, or of a sample. Raises DatasetError."""
    row = _object(line, path, number)
    question = row.get("question")
    if question.__class__ is str:
        return str(question)
    return read_sample(line, path, number).question


def may_be_held_back(line: bytes) -> bool:
    """Return False where a line is surely not of the splits dev and test, without reading it."""
    # in JSON, letters stand for themselves, or are written as \u and four digits
    return b'"test"' in line or b'"dev"' in line or b"\\u" in line


def _object(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        row = from_json(line)
    except ValueError as error:
        raise DatasetError(f"{path}, line {number}: this is not JSON: {error}.") from None
    if row.__class__ is not dict:
        raise DatasetError(f"{path}, line {number}: this is no JSON object.")
    return row
