"""Which step of a build does which kind of job."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline.building.gate_step import gate_step
from pipeline.building.mix_step import mix_step
from pipeline.building.package_step import package_step
from pipeline.building.score_step import score_step
from pipeline.building.select_step import select_step
from pipeline.building.train_step import train_step
from pipeline.building.variant_step import variant_step
from pipeline.contract import JobSpec, Outcome, TaskKind
from pipeline.tasks.bench import Bench

Step = Callable[[JobSpec, Bench], Outcome]

STEPS: Mapping[TaskKind, Step] = {
    TaskKind.MIX: mix_step,
    TaskKind.TRAIN: train_step,
    TaskKind.SCORE: score_step,
    TaskKind.SELECT: select_step,
    TaskKind.VARIANT: variant_step,
    TaskKind.GATE: gate_step,
    TaskKind.PACKAGE: package_step,
}
