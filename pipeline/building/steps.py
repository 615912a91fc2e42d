"""Which step of a build does which kind of job."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline.contract import JobSpec, Outcome, TaskKind
from pipeline.tasks.bench import Bench

Step = Callable[[JobSpec, Bench], Outcome]

STEPS: Mapping[TaskKind, Step] = {}
