"""The sheet of a gate: every question that models are asked, whose leaf each is about, and what counts together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from pipeline.build_orders import OrderedLeaf
from pipeline.building.leaf_data import HELD_OUT
from pipeline.building.phase_settings import is_tiny
from pipeline.datasets import read_jsonl, sha256_of
from pipeline.evaluation.gates import gate_name
from pipeline.evaluation.plans import EvaluationPlan, plan_of
from pipeline.evaluation.pr_bench import BenchError, BenchQuestion, question_of_sample
from pipeline.evaluation.questions import Question, QuestionSet, question_of, question_set
from pipeline.evaluation.sittings import Gates, read_gates
from pipeline.evaluation_results import Scale
from pipeline.generation import QUESTIONS
from pipeline.sdg.rows import Split
from pipeline.settings import PipelineSettings
from pipeline.training.settings import Preset

INCLUDED, OTHERS = "of included contributions", "of all other leaves"


class Part(StrEnum):
    """The parts of a sheet; a question's id is of one of them."""

    CHOICES = "choices"  # the leaves' own, multiple choice
    TOLD = "told"  # what was held out of their samples, for a judge
    GENERAL = "general"  # multiple choice from files of the operator's
    TURNS = "turns"  # conversations, likewise, for a judge


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is shown to people. `leaf` is empty where it is about none."""

    id: str
    leaf: str
    fact: str
    question: str
    reference: str


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Questions that count together, by their ids, all of one part."""

    name: str
    part: Part
    ids: tuple[str, ...]
    margin: float
    shots: int = 0

    @property
    def scale(self) -> Scale:
        """What it counts in."""
        return Scale.ACCURACY if self.part in (Part.CHOICES, Part.GENERAL) else Scale.SCORE

    @property
    def is_of_leaves(self) -> bool:
        """True when each of its questions is about a leaf."""
        return self.part in (Part.CHOICES, Part.TOLD)


@dataclass(frozen=True, slots=True)
class Sheet:
    """All questions. `choices` is None where there are none; `asked` has every question by part and id."""

    choices: QuestionSet | None
    told: tuple[BenchQuestion, ...]
    gates: Gates
    asked: dict[Part, dict[str, Asked]]
    benchmarks: tuple[Benchmark, ...]
    digests: dict[str, str]
    remarks: tuple[str, ...] = ()

    def about(self, leaves: Collection[str]) -> Iterator[Benchmark]:
        """Yield what is asked about some leaves, first multiple choice, then for a judge."""
        for part, kind in ((Part.CHOICES, "PR-mmlu"), (Part.TOLD, "PR-bench")):
            ids = tuple(id_ for id_, each in self.asked[part].items() if each.leaf in leaves)
            if ids:
                yield Benchmark(kind, part, ids, 0.0)


def gate_plan(settings: PipelineSettings) -> EvaluationPlan:
    """Return how a build's models are asked: as in evaluations, the leaves' own questions without examples."""
    preset = Preset.TINY if is_tiny(settings) else settings.student_preset
    return replace(plan_of(settings), preset=preset, shots=(0,))


def read_sheet(folder: Path, leaves: Sequence[OrderedLeaf], settings: PipelineSettings) -> Sheet:
    """Return what is asked, from the mix's files in a folder and the files that the worker is set to.

    Without a judge nothing is asked that one would have to read. Raises QuestionError, DatasetError.
    """
    plan = gate_plan(settings)
    gates = read_gates(plan.gates)
    choices, of_choice = _choices(folder / QUESTIONS)
    told, of_told = _told(folder / HELD_OUT)
    remarks = []
    if plan.jury is None and told:
        remarks.append(f"{len(told)} questions were kept to be judged, and no judge is configured.")
    if plan.jury is None and gates.conversations:
        remarks.append("Conversations are left out: no judge is configured.")
    if plan.jury is None:
        told, of_told, gates = (), {}, replace(gates, conversations=())
    asked = {
        Part.CHOICES: of_choice,
        Part.TOLD: of_told,
        Part.GENERAL: {each.id: _of_choice(each) for each in gates.mmlu.questions.test} if gates.mmlu else {},
        Part.TURNS: {
            f"{each.id}/{turn}": Asked(f"{each.id}/{turn}", "", each.id, each.turns[turn], each.references[turn])
            for each in gates.conversations
            for turn in range(2)
        },
    }
    fresh = {leaf.path for leaf in leaves if leaf.is_fresh}
    benchmarks = tuple(_benchmarks(asked, fresh, gates))
    return Sheet(choices, told, gates, asked, benchmarks, _digests(folder, gates), tuple(remarks))


def _benchmarks(asked: dict[Part, dict[str, Asked]], fresh: Collection[str], gates: Gates) -> Iterator[Benchmark]:
    files = gates.files
    for part, kind, margin in (
        (Part.CHOICES, "PR-mmlu", files.accuracy_margin),
        (Part.TOLD, "PR-bench", files.score_margin),
    ):
        for which, is_in in ((INCLUDED, True), (OTHERS, False)):
            if ids := tuple(id_ for id_, each in asked[part].items() if (each.leaf in fresh) is is_in):
                yield Benchmark(f"{kind} {which}", part, ids, margin)
    if asked[Part.GENERAL] and files.mmlu:
        name = gate_name(files.mmlu, "MMLU", files.subset)
        yield Benchmark(name, Part.GENERAL, tuple(asked[Part.GENERAL]), files.accuracy_margin, 5)
    if asked[Part.TURNS] and files.two_turns:
        name = gate_name(files.two_turns, "MT-Bench")
        yield Benchmark(name, Part.TURNS, tuple(asked[Part.TURNS]), files.score_margin)


def _choices(path: Path) -> tuple[QuestionSet | None, dict[str, Asked]]:
    rows = list(read_jsonl(path)) if path.is_file() else []
    questions = [question_of(row, f"{path.name}, row {number}") for number, row in enumerate(rows, start=1)]
    if not any(question.split is Split.TEST for question in questions):
        return None, {}
    leaf_of = {row["id"]: _leaf(row) for row in rows}
    found = question_set(questions)
    return found, {each.id: replace(_of_choice(each), leaf=leaf_of[each.id]) for each in found.test}


def _of_choice(question: Question) -> Asked:
    fact = f"{question.subject}/{question.fact}"
    return Asked(question.id, "", fact, question.question, question.choices[question.answer])


def _told(path: Path) -> tuple[tuple[BenchQuestion, ...], dict[str, Asked]]:
    """Return the samples that were held out as questions, each once; what asks nothing is passed over."""
    found: dict[str, BenchQuestion] = {}
    asked: dict[str, Asked] = {}
    for row in read_jsonl(path) if path.is_file() else ():
        try:
            each = question_of_sample(row)
        except BenchError:
            continue
        if each.id not in found:
            found[each.id] = each
            asked[each.id] = Asked(each.id, _leaf(row), each.fact or each.id, each.question, each.reference)
    return tuple(found.values()), asked


def _leaf(row: dict[str, object]) -> str:
    said = row.get("metadata")
    return str(said.get("leaf", "")) if isinstance(said, dict) else ""


def _digests(folder: Path, gates: Gates) -> dict[str, str]:
    found = {name: sha256_of(folder / name) for name in (QUESTIONS, HELD_OUT) if (folder / name).is_file()}
    if gates.mmlu is not None:
        found["gate, multiple choice"] = gates.mmlu.sha256
    if gates.conversations and gates.files.two_turns:
        found["gate, conversations"] = sha256_of(gates.files.two_turns)
    return found
