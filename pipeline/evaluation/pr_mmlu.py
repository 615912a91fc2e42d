"""PR-mmlu: what a contribution's own multiple choice questions say of base and tuned student."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.datasets import WrittenFile, write_jsonl
from pipeline.evaluation.mmlu_tasks import Form, MmluTask, tasks_for
from pipeline.evaluation.questions import QuestionSet
from pipeline.evaluation.statistics import Comparison, Pair, compare_runs
from pipeline.evaluation_results import BenchmarkRow, Scale

if TYPE_CHECKING:
    from pipeline.evaluation.measuring import Measured, Tell
    from pipeline.evaluation.students import EvaluatedStudent

NAME = "PR-mmlu"
SHOTS = (0, 5)
TABLE = "pr_mmlu.jsonl"


@dataclass(frozen=True, slots=True)
class MmluPlan:
    """How to ask. The tiny preset of the demo scores answers instead of letters, for base and control alike."""

    shots: tuple[int, ...] = SHOTS
    form: Form = Form.LETTERS
    batch_size: int = 16
    with_chat_template: bool = False
    seed: int = 0  # of the bootstrap


def pr_mmlu(
    student: EvaluatedStudent,
    questions: QuestionSet,
    folder: Path,
    plan: MmluPlan | None = None,
    tell: Tell = lambda *_: None,
) -> list[list[Measured]]:
    """Ask base and tuned models every question at every number of shots. Return for each adapter the answers.

    Raises MeasuringError.
    """
    from pipeline.evaluation.measuring import measure

    plan = plan or MmluPlan()
    return measure(
        student,
        tasks_for("pr_mmlu", questions, plan.shots, plan.form),
        folder,
        batch_size=plan.batch_size,
        with_chat_template=plan.with_chat_template,
        tell=tell,
    )


def rows_of(runs: Sequence[Sequence[Measured]], name: str = NAME, seed: int = 0) -> list[BenchmarkRow]:
    """Return a row for each number of shots; `runs` are trainings with other seeds on the same questions.

    Raises ComparisonError where they are not.
    """
    rows = []
    for shots in sorted({measured.task.shots for measured in runs[0]}):
        of_shots = [[measured for measured in run if measured.task.shots == shots] for run in runs]
        found = compare_runs([list(pairs_of(run)) for run in of_shots], Scale.ACCURACY, seed=seed)
        rows.append(row_of(found, name, Scale.ACCURACY, shots, _note(of_shots)))
    return rows


def row_of(found: Comparison, name: str, scale: Scale, shots: int = 0, note: str = "") -> BenchmarkRow:
    """Return a comparison as it is told."""
    return BenchmarkRow(
        name=name,
        scale=scale,
        shots=shots,
        n=found.n,
        facts=found.facts,
        base=found.base,
        tuned=found.tuned,
        delta=found.delta,
        low=found.low,
        high=found.high,
        p=found.p,
        verdict=found.verdict,
        gained=found.gained,
        lost=found.lost,
        mcnemar_p=found.mcnemar_p,
        runs=found.runs,
        note=note,
    )


def pairs_of(measured: Sequence[Measured]) -> Iterator[Pair]:
    """Yield each question as right or wrong by both models."""
    for task in measured:
        for base, tuned in zip(task.base, task.tuned, strict=True):
            asked = base.question
            fact = f"{asked.subject}/{asked.fact}"
            yield Pair(f"{asked.subject}/{asked.id}", fact, float(base.is_right), float(tuned.is_right))


def write_table(path: Path, measured: Sequence[Measured]) -> WrittenFile:
    """Write every question with what both models made of it, for people who want to see."""
    return write_jsonl(path, _table(measured))


def _table(measured: Sequence[Measured]) -> Iterator[Mapping[str, Any]]:
    for task in measured:
        for base, tuned in zip(task.base, task.tuned, strict=True):
            asked = base.question
            yield {
                "task": task.task.name,
                "shots": len(task.task.examples),
                "id": asked.id,
                "fact": asked.fact,
                "question": asked.question,
                "choices": list(asked.choices),
                "gold": asked.letters[asked.answer],
                "base": asked.letters[base.choice],
                "tuned": asked.letters[tuned.choice],
                "base_log_probs": list(base.log_probs),
                "tuned_log_probs": list(tuned.log_probs),
                "is_cut": base.is_cut,
            }


def _note(runs: Sequence[Sequence[Measured]]) -> str:
    tasks: list[MmluTask] = [measured.task for measured in runs[0]]
    said = list(dict.fromkeys(task.note for task in tasks if task.note))
    if len(said) > 1:
        said = [f"fewer examples than shots in {sum(bool(task.note) for task in tasks)} of {len(tasks)} subjects"]
    if cut := sum(answered.is_cut for measured in runs[0] for answered in measured.base):
        said.append(f"{cut} prompts were longer than the model reads, and lost their beginning")
    if any(task.form is Form.ANSWERS for task in tasks):
        said.append("scored by the words of the answers")
    return "; ".join(said)
