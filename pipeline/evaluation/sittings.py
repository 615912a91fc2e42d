"""What a student is asked in an examination: choices by lm-eval, answers to be judged; and the judge's turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.datasets import write_jsonl
from pipeline.evaluation.benchmark_files import BenchmarkFiles, Conversation, read_benchmark, read_conversations
from pipeline.evaluation.gates import GatePlan, gate_name, mmlu_gate
from pipeline.evaluation.material import Material
from pipeline.evaluation.plans import EvaluationPlan, GateFiles
from pipeline.evaluation.pr_bench import (
    BenchError,
    BenchOutcome,
    BenchPlan,
    GivenAnswers,
    answered,
    judged,
    tuned_name,
)
from pipeline.evaluation.pr_mmlu import TABLE, MmluPlan, pr_mmlu, rows_of, write_table
from pipeline.evaluation.students import load_with_adapters
from pipeline.evaluation.two_turns import HeldConversation, held, judged_turns
from pipeline.evaluation_results import BenchmarkRow

if TYPE_CHECKING:
    from pipeline.evaluation.measuring import Measured

ANSWERS = "answers.jsonl"
GATE_TABLE = "gate_mmlu.jsonl"
Tell = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Gates:
    """The general benchmarks of a plan, read before anything is computed."""

    files: GateFiles
    mmlu: BenchmarkFiles | None
    conversations: tuple[Conversation, ...]


@dataclass(frozen=True, slots=True)
class Choices:
    """What came of multiple choice: rows of this contribution, those of gates, and tables of every question."""

    rows: tuple[BenchmarkRow, ...] = ()
    gates: tuple[BenchmarkRow, ...] = ()
    tables: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """What the judge is to read; it need not be there when this is given."""

    answers: GivenAnswers | None = None
    turns: tuple[HeldConversation, ...] = ()

    def __bool__(self) -> bool:
        return self.answers is not None or bool(self.turns)


@dataclass(frozen=True, slots=True)
class Judgements:
    """What the judge said. `remarks` say what could not be judged."""

    bench: BenchOutcome | None = None
    gate: BenchOutcome | None = None
    remarks: tuple[str, ...] = ()


def read_gates(files: GateFiles) -> Gates:
    """Return the benchmarks that a plan names. Raises QuestionError."""
    return Gates(
        files,
        read_benchmark(files.mmlu, files.subset) if files.mmlu else None,
        tuple(read_conversations(files.two_turns)) if files.two_turns else (),
    )


def ask_choices(
    model: Path,
    adapters: Sequence[Path],
    material: Material,
    gates: Gates,
    plan: EvaluationPlan,
    folder: Path,
    tell: Tell,
) -> Choices:
    """Ask base and every adapter all multiple choice questions, in one load.

    Raises TrainingError, MeasuringError.
    """
    if material.questions is None and gates.mmlu is None:
        return Choices()
    parts = (material.questions is not None) + (gates.mmlu is not None)
    student = load_with_adapters(model, adapters)
    of_gates: list[BenchmarkRow] = []
    rows: list[BenchmarkRow] = []
    tables: list[Path] = []
    if gates.mmlu is not None:
        name = gate_name(gates.files.mmlu or folder, "MMLU", gates.files.subset)
        gate = GatePlan(form=plan.form, batch_size=plan.batch_size, with_chat_template=plan.with_chat_template)
        row, runs = mmlu_gate(student, gates.mmlu, name, folder / "tasks-gate", gate, _within(tell, 0, parts))
        of_gates.append(row)
        tables += _tables(folder / GATE_TABLE, runs)
    if material.questions is not None:
        how = MmluPlan(plan.shots, plan.form, plan.batch_size, plan.with_chat_template)
        part = _within(tell, parts - 1, parts)
        runs = pr_mmlu(student, material.questions, folder / "tasks", how, part)
        rows = rows_of(runs)
        tables += _tables(folder / TABLE, runs)
    return Choices(tuple(rows), tuple(of_gates), tuple(tables))


def _tables(first: Path, runs: Sequence[Sequence[Measured]]) -> Iterator[Path]:
    """Write a table for each training; those after the first have their number in the name."""
    for number, measured in enumerate(runs, start=1):
        path = first if number == 1 else first.with_stem(f"{first.stem}-{number}")
        write_table(path, measured)
        yield path


def answer(
    model: Path, adapters: Sequence[Path], material: Material, gates: Gates, plan: EvaluationPlan, tell: Tell
) -> Given:
    """Have base and every adapter answer what a judge will read. Raises TrainingError, TeacherError."""
    if not material.held_out and not gates.conversations:
        return Given()
    return asyncio.run(_answered(model, adapters, material, gates, plan, tell))


async def _answered(
    model: Path, adapters: Sequence[Path], material: Material, gates: Gates, plan: EvaluationPlan, tell: Tell
) -> Given:
    from pipeline.serving.port import BASE, local_students

    how = BenchPlan(max_tokens=plan.answer_tokens)
    named = {tuned_name(number): adapter for number, adapter in enumerate(adapters)}
    async with local_students(model, named, slots=plan.batch_size) as students:
        base, tuned = students[BASE], [students[name] for name in named]
        answers = None
        if material.held_out:
            answers = await answered(material.held_out, base, tuned, how, tell)
        turns = await held(gates.conversations, base, tuned, how, tell) if gates.conversations else []
    return Given(answers, tuple(turns))


def have_judged(given: Given, gates: Gates, plan: EvaluationPlan, tell: Tell) -> Judgements:
    """Have the plan's judge read what was given. Raises TeacherError, CacheError."""
    return asyncio.run(_judged(given, gates, plan, tell))


async def _judged(given: Given, gates: Gates, plan: EvaluationPlan, tell: Tell) -> Judgements:
    if plan.jury is None:
        return Judgements()
    how = BenchPlan(repeats=plan.repeats, swapped=plan.swapped)
    remarks: list[str] = []
    bench = gate = None
    async with plan.jury.seated() as judge:
        if given.answers is not None:
            try:
                bench = await judged(given.answers, judge, how, tell)
            except BenchError as error:
                remarks.append(str(error))
        if given.turns:
            name = gate_name(gates.files.two_turns or Path(), "MT-Bench")
            try:
                gate = await judged_turns(given.turns, judge, name, replace(how, swapped=False), tell)
            except BenchError as error:
                remarks.append(str(error))
    return Judgements(bench, gate, tuple(remarks))


def write_answers(path: Path, given: Given, said: Judgements) -> None:
    """Write every answer that was to be judged, with its scores where it was, for people who want to see."""
    write_jsonl(path, _rows(given, said))


def _rows(given: Given, said: Judgements) -> Iterator[Mapping[str, Any]]:
    scores = said.bench.scores if said.bench else {}
    for trial in given.answers.trials if given.answers else ():
        question = trial.question
        of_this = scores.get(question.id, {})
        texts = {"base": trial.base} | {tuned_name(number): text for number, text in enumerate(trial.tuned)}
        yield {
            "id": question.id,
            "fact": question.fact,
            "context": question.context,
            "question": question.question,
            "reference": question.reference,
            **texts,
            **{f"{name}_score": of_this.get(name) for name in texts},
        }
    for each in given.turns:
        yield {"id": each.conversation.id, "turns": list(each.conversation.turns), **each.said()}


def _within(tell: Tell, number: int, count: int) -> Tell:
    return lambda share, stage: tell((number + share) / count, stage)
