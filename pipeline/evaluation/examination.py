"""An examination: a student learns from a contribution and is measured before and after; all that is told of it.

First the student is trained and answers; only then, with its memory free, the judge is called. So one GPU will do.
Importing this module is quick; examining loads torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.datasets import sha256_of
from pipeline.evaluation.gates import judged_gates
from pipeline.evaluation.material import Material
from pipeline.evaluation.plans import EvaluationPlan, GateFiles, stand_ins, tiny_name
from pipeline.evaluation.sittings import (
    ANSWERS,
    Choices,
    Gates,
    Given,
    Judgements,
    answer,
    ask_choices,
    have_judged,
    read_gates,
    write_answers,
)
from pipeline.evaluation.students import free_memory, identity_of, package_versions
from pipeline.evaluation_results import (
    EvaluateResult,
    GateRow,
    JudgementCounts,
    Scale,
    SideBySide,
)

if TYPE_CHECKING:
    from pipeline.training.training import Trained

METRICS = "metrics.jsonl"
REPORT = "training.json"
_MOST_SIDES = 40  # answers that a result holds; the file has them all
_QUIET = (
    "HF_HUB_OFFLINE",
    "TQDM_DISABLE",
    "HF_DATASETS_DISABLE_PROGRESS_BARS",
)  # fetch and draw nothing
_ON_THE_GPU = ("training", "multiple choice", "answers")


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom to examine, and with what. With an `adapter` nothing is trained."""

    model: Path
    material: Material
    head_sha: str = ""
    adapter: Path | None = None


@dataclass(frozen=True, slots=True)
class Hooks:
    """Whom it tells how far it is and what people may want to know, and who fetches the judge to the GPU."""

    tell: Callable[[float, str], None] = lambda *_: None
    note: Callable[[str], None] = lambda _: None
    call_judge: Callable[[], None] = lambda: None

    def within(self, low: float, high: float) -> Callable[[float, str], None]:
        """Return who is told of a part of the work as if it were the whole."""
        return lambda share, stage: self.tell(low + (high - low) * share, stage)


@dataclass(frozen=True, slots=True)
class Examined:
    """What came of it: the result, the adapter, and the files that tell more. `remarks` say what lacks, and why."""

    result: EvaluateResult
    adapter: Path
    files: tuple[Path, ...]
    remarks: tuple[str, ...]


@dataclass(slots=True)
class _Stages:
    """Seconds of each stage."""

    durations_s: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what passes meanwhile."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.durations_s[name] = round(time.monotonic() - began, 3)


def training_key(subject: Subject, plan: EvaluationPlan) -> str:
    """Return a digest of all that decides what is learnt: the model, the samples, and the settings.

    Raises StudentError for a model that cannot be used.
    """
    from pipeline.training.weights import fingerprint

    said = {
        "model": fingerprint(subject.model),
        "samples": [sha256_of(path) for path in subject.material.samples],
        "settings": [settings.said() for settings in plan.trainings],
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def examine(
    subject: Subject,
    plan: EvaluationPlan,
    folder: Path,
    hooks: Hooks | None = None,
    trainings: Path | None = None,
) -> Examined:
    """Train, measure and have judged; what is written goes into the folder.

    Trainings that were begun in `trainings` go on there; without it, in the folder itself. Raises QuestionError for
    a gate's files, TrainingError, MeasuringError, and TeacherError or CacheError when the judge cannot be used.
    """
    os.environ.update(dict.fromkeys(_QUIET, "1"))
    hooks, stages, material = hooks or Hooks(), _Stages(), subject.material
    folder.mkdir(parents=True, exist_ok=True)
    gates = read_gates(plan.gates)
    trained: list[Trained] = []
    if subject.adapter is None:
        with stages.stage("training"):
            trained = _train(subject, plan, trainings or folder, hooks)
    adapters = [subject.adapter] if subject.adapter else [each.folder for each in trained]
    free_memory()
    with stages.stage("multiple choice"):
        choices = ask_choices(subject.model, adapters, material, gates, plan, folder, hooks.within(0.5, 0.75))
    free_memory()
    with stages.stage("answers"):
        given = Given()
        if plan.jury is not None:
            given = answer(subject.model, adapters, material, gates, plan, hooks.within(0.75, 0.85))
    free_memory()
    said = Judgements()
    if given:
        with stages.stage("waiting for the judge"):
            hooks.call_judge()
        with stages.stage("judging"):
            said = have_judged(given, gates, plan, hooks.within(0.85, 1.0))
        write_answers(folder / ANSWERS, given, said)
    files = [*choices.tables, *([folder / ANSWERS] if given else []), *_of_training(folder, trained)]
    remarks = (*material.remarks, *said.remarks, *_left_out(trained), *_unjudged(material, plan))
    result = _result(subject, plan, gates, choices, said, trained, stages)
    return Examined(result, adapters[0], tuple(files), tuple(dict.fromkeys(remarks)))


def _train(subject: Subject, plan: EvaluationPlan, folder: Path, hooks: Hooks) -> list[Trained]:
    from pipeline.training.training import TrainingOrder, train

    found = []
    for number, settings in enumerate(plan.trainings):
        begins, ends = (0.5 * at / plan.seeds for at in (number, number + 1))
        tell, name = hooks.within(begins, ends), f"training {number + 1} of {plan.seeds}"

        def told(share: float, said: str, tell: Callable[[float, str], None] = tell, name: str = name) -> None:
            if said.startswith("step "):
                tell(share, f"{name}: {said}" if plan.seeds > 1 else f"training: {said}")
            else:
                hooks.note(said)

        order = TrainingOrder(subject.model, subject.material.samples, settings)
        found.append(train(order, folder / f"training-{number}", told))
        if found[-1].is_old:
            hooks.note(f"{name} was done in an earlier attempt, and is not done twice")
    return found


def _result(
    subject: Subject,
    plan: EvaluationPlan,
    gates: Gates,
    choices: Choices,
    said: Judgements,
    trained: Sequence[Trained],
    stages: _Stages,
) -> EvaluateResult:
    judge = plan.jury.identity if plan.jury and (said.bench or said.gate) else None
    base, adapter = identity_of(subject.model), trained[0].folder if trained else subject.adapter
    assert adapter is not None  # noqa: S101 - trained or given
    tuned = identity_of(adapter)
    return EvaluateResult(
        head_sha=subject.head_sha,
        base=base,
        adapter=replace(tuned, name=f"{base.name} with an adapter") if trained else tuned,
        rows=(*choices.rows, *([said.bench.row] if said.bench else [])),
        judge=judge,
        data=subject.material.digests | _gate_digests(gates),
        seeds=tuple(settings.seed for settings in plan.trainings) if trained else (),
        versions=package_versions(),
        judgements=sum((each.counts for each in (said.bench, said.gate) if each), JudgementCounts()),
        preferences=said.bench.preferences if said.bench else None,
        gates=_gates(choices, said, plan.gates),
        side_by_side=_telling(said.bench.sides) if said.bench else (),
        durations_s=stages.durations_s,
        gpu_minutes=_gpu_minutes(stages),
        stands_in=stand_ins(tiny_name(subject.model), judge, subject.material.teachers),
    )


def _gates(choices: Choices, said: Judgements, files: GateFiles) -> tuple[GateRow, ...]:
    rows = [*choices.gates, *([said.gate.row] if said.gate else [])]
    margins = {Scale.ACCURACY: files.accuracy_margin, Scale.SCORE: files.score_margin}
    return judged_gates(rows, [margins[row.scale] for row in rows])


def _gate_digests(gates: Gates) -> dict[str, str]:
    found = {}
    if gates.mmlu is not None:
        found["gate, multiple choice"] = gates.mmlu.sha256
    if gates.files.two_turns is not None:
        found["gate, conversations"] = sha256_of(gates.files.two_turns)
    return found


def _telling(sides: Sequence[SideBySide]) -> tuple[SideBySide, ...]:
    """Return the answers that differ most: the file holds all of them."""
    ordered = sorted(sides, key=lambda side: (-abs(side.tuned_score - side.base_score), side.id))
    return tuple(ordered[:_MOST_SIDES])


def _gpu_minutes(stages: _Stages) -> float:
    import torch

    if not torch.cuda.is_available():
        return 0.0
    return round(sum(stages.durations_s.get(name, 0.0) for name in _ON_THE_GPU) / 60, 2)


def _of_training(folder: Path, trained: Sequence[Trained]) -> list[Path]:
    """Return the files that tell of the first training."""
    if not trained:
        return []
    place = trained[0].folder.parent
    return [place / name for name in (METRICS, REPORT) if (place / name).is_file()]


def _left_out(trained: Sequence[Trained]) -> tuple[str, ...]:
    return trained[0].left_out if trained else ()


def _unjudged(material: Material, plan: EvaluationPlan) -> Iterator[str]:
    if plan.jury is None and material.held_out:
        yield f"{len(material.held_out)} questions were kept to be judged, and no judge is configured."
    if plan.jury is None and plan.gates.two_turns is not None:
        yield "The gate of conversations was left out: no judge is configured."
