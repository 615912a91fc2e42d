"""Regression gates: general benchmarks on which a model may not fall, judged together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.evaluation.benchmark_files import SAMPLE_MMLU, SAMPLE_TWO_TURNS, BenchmarkFiles
from pipeline.evaluation.mmlu_tasks import Form, tasks_for
from pipeline.evaluation.pr_mmlu import rows_of
from pipeline.evaluation.statistics import holm
from pipeline.evaluation_results import SIGNIFICANT, BenchmarkRow, GateRow, Scale

if TYPE_CHECKING:
    from pipeline.evaluation.measuring import Measured, Tell
    from pipeline.evaluation.students import EvaluatedStudent

MARGINS = {Scale.ACCURACY: 0.02, Scale.SCORE: 0.3}  # how far a benchmark may fall


@dataclass(frozen=True, slots=True)
class GatePlan:
    """How to measure a multiple choice gate."""

    shots: int = 5
    form: Form = Form.LETTERS
    batch_size: int = 16
    with_chat_template: bool = False
    seed: int = 0


def gate_name(path: Path, otherwise: str, subset: str = "all") -> str:
    """Return what a gate on these files is called: what is a sample is never called by a benchmark's name."""
    if path.resolve() in (SAMPLE_MMLU.resolve(), SAMPLE_TWO_TURNS.resolve()):
        otherwise = f"sample questions (not {otherwise})"
    return otherwise if subset == "all" else f"{otherwise}, {subset} subset"


def mmlu_gate(
    student: EvaluatedStudent,
    files: BenchmarkFiles,
    name: str,
    folder: Path,
    plan: GatePlan | None = None,
    tell: Tell = lambda *_: None,
) -> tuple[BenchmarkRow, list[list[Measured]]]:
    """Ask base and tuned models the benchmark's questions, subject by subject. Return its row and all answers.

    Raises MeasuringError.
    """
    from pipeline.evaluation.measuring import measure

    plan = plan or GatePlan()
    runs = measure(
        student,
        tasks_for("gate", files.questions, (plan.shots,), plan.form),
        folder,
        batch_size=plan.batch_size,
        with_chat_template=plan.with_chat_template,
        tell=tell,
    )
    (row,) = rows_of(runs, name, plan.seed)
    return row, runs


def judged_gates(rows: Sequence[BenchmarkRow], margins: Iterable[float | None] = ()) -> tuple[GateRow, ...]:
    """Return which gates pass; a margin for each row, None or none at all for the usual one.

    A gate fails by a fall of more than its margin that is significant, counting that several gates are read
    together (Holm). A fall that could be as large and is not significant passes with a note.
    """
    given = [*margins]
    given += [None] * (len(rows) - len(given))
    adjusted = holm({str(i): row.p for i, row in enumerate(rows)})
    return tuple(
        _gate(row, adjusted[str(i)], MARGINS[row.scale] if margin is None else margin)
        for i, (row, margin) in enumerate(zip(rows, given, strict=True))
    )


def _gate(row: BenchmarkRow, p: float, margin: float) -> GateRow:
    has_failed = row.delta < -margin and row.high < 0 and p <= SIGNIFICANT
    note = ""
    if not has_failed and row.low < -margin:
        note = f"{row.n} questions are too few to rule a larger fall out"
    return GateRow(row.name, row.scale, row.delta, row.low, row.high, p, margin, not has_failed, note)
