"""What a contribution is taught and measured with: samples to learn from, and what was kept back from training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.datasets import DatasetError, read_jsonl, sha256_of
from pipeline.evaluation.pr_bench import BenchError, BenchQuestion, held_out
from pipeline.evaluation.questions import QuestionError, QuestionSet, asked_once, question_set, questions_in
from pipeline.generation import QUESTIONS, SAMPLES
from pipeline.sdg.rows import Split


class MaterialError(Exception):
    """The data sets cannot be used; the text names the file and what is wrong."""


@dataclass(frozen=True, slots=True)
class LeafFiles:
    """The data set of one leaf. `name` is how people know it."""

    name: str
    samples: Path
    questions: Path | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """Everything at hand. `questions` is None where there are none to ask; `to_learn` counts samples.

    What has no multiple choice questions is measured by what was held out of its samples. `digests` names each
    file's SHA-256, `teachers` who wrote them, `remarks` say what cannot be measured, and why.
    """

    samples: tuple[Path, ...]
    to_learn: int
    questions: QuestionSet | None
    held_out: tuple[BenchQuestion, ...]
    digests: dict[str, str]
    teachers: tuple[str, ...]
    remarks: tuple[str, ...]


def leaf_files(named: Sequence[Path]) -> list[LeafFiles]:
    """Return the data sets that are meant by folders of them, or by files of samples. Raises MaterialError."""
    found: dict[Path, LeafFiles] = {}
    for path in named:
        here = sorted(path.rglob(SAMPLES)) if path.is_dir() else [path]
        if not here or not here[0].is_file():
            raise MaterialError(
                f"{path}: there is no data set here. Name a folder that `taxonomy-pipeline generate` wrote, or a "
                f"file of samples ({SAMPLES}, with {QUESTIONS} beside it)."
            )
        for samples in here:
            questions = samples.with_name(QUESTIONS)
            name = samples.parent.name or samples.name
            found[samples.resolve()] = LeafFiles(name, samples, questions if questions.is_file() else None)
    return list(found.values())


def read_material(leaves: Sequence[LeafFiles]) -> Material:
    """Return what there is to learn from and to measure with. Raises MaterialError for a file that is damaged."""
    asked = [leaf for leaf in leaves if leaf.questions is not None and _has_rows(leaf.questions)]
    told = [leaf for leaf in leaves if leaf not in asked]
    remarks: list[str] = []
    said = [_told_by(leaf) for leaf in leaves]
    return Material(
        samples=tuple(leaf.samples for leaf in leaves),
        to_learn=sum(count for count, _ in said),
        questions=_questions(asked, remarks),
        held_out=tuple(_held_out(told, remarks)),
        digests={
            f"{leaf.name}/{path.name}": sha256_of(path)
            for leaf in leaves
            for path in (leaf.samples, leaf.questions)
            if path is not None
        },
        teachers=tuple(sorted({teacher for _, teachers in said for teacher in teachers})),
        remarks=tuple(remarks),
    )


def _questions(leaves: Sequence[LeafFiles], remarks: list[str]) -> QuestionSet | None:
    paths = [leaf.questions for leaf in leaves if leaf.questions is not None]
    if not paths:
        return None
    try:
        kept, left_out = asked_once(questions_in(path) for path in paths)
        if left_out:
            remarks.append(
                f"{left_out} multiple choice questions are shared by several leaves: each is asked once, and not "
                "at all where it is shown as an example."
            )
        return question_set(kept)
    except QuestionError as error:
        remarks.append(f"No multiple choice questions can be asked: {error}")
        return None


def _held_out(leaves: Sequence[LeafFiles], remarks: list[str]) -> Iterator[BenchQuestion]:
    for leaf in leaves:
        try:
            yield from held_out(leaf.samples)
        except BenchError as error:
            remarks.append(f"{leaf.name}: {error}")


def _has_rows(path: Path) -> bool:
    return any(_rows(path))


def _told_by(leaf: LeafFiles) -> tuple[int, set[str]]:
    """Return how many samples of a leaf are to be learnt from, and who wrote them."""
    count, teachers = 0, set()
    for row in _rows(leaf.samples):
        said = row.get("metadata")
        metadata: dict[str, Any] = said if isinstance(said, dict) else {}
        count += metadata.get("split", Split.TRAIN.value) == Split.TRAIN.value
        if isinstance(teacher := metadata.get("teacher"), str) and teacher:
            teachers.add(teacher)
    return count, teachers


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        yield from read_jsonl(path)
    except DatasetError as error:
        raise MaterialError(str(error)) from None
    except OSError as error:
        raise MaterialError(f"{path} cannot be read: {error.strerror}.") from None
