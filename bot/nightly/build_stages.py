"""The stages of a build from its jobs: how each stands, what it took, and when all should be done. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.jobs import JobState
from bot.nightly.build_view import Stage, StageView, stage_of
from bot.store.stored_jobs import StoredJob
from pipeline.build_orders import Phase

_OF_PHASE = {
    Phase.KNOWLEDGE: (Stage.TRAIN_KNOWLEDGE, Stage.SELECT_KNOWLEDGE),
    Phase.SKILLS: (Stage.TRAIN_SKILLS, Stage.SELECT_SKILLS),
}


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages that there are to be, and those of them that have begun."""

    planned: tuple[Stage, ...]
    shown: tuple[StageView, ...]
    began: Mapping[Stage, datetime]

    @property
    def count(self) -> int:
        """How many stages the build has."""
        return len(self.planned)


def stages_of(jobs: Iterable[StoredJob], phases: Collection[str], now: datetime) -> Stages:
    """Return how the stages stand; `phases` are those with data, none while nobody knows."""
    by_stage: defaultdict[Stage, list[StoredJob]] = defaultdict(list)
    for job in jobs:
        by_stage[stage_of(job.request.step)].append(job)
    missing = {stage for phase in Phase if phases and phase not in phases for stage in _OF_PHASE[phase]}
    planned = tuple(stage for stage in Stage if stage not in missing)
    shown = tuple(_shown(stage, by_stage[stage], now) for stage in planned if by_stage[stage])
    return Stages(planned, shown, {stage: _began(by_stage[stage]) for stage in planned if by_stage[stage]})


def past_durations(jobs: Iterable[StoredJob]) -> dict[str, float]:
    """Return what each stage of a build that is over took, in seconds."""
    found = stages_of(jobs, (), datetime.max.replace(tzinfo=UTC))
    return {view.stage: view.took_s for view in found.shown}


def eta_of(stages: Stages, before: Mapping[str, float], now: datetime) -> datetime | None:
    """Return when a build should be done, if its stages take what they took in an earlier one; None without one."""
    if not before:
        return None
    over = {view.stage for view in stages.shown if view.is_over}
    left = 0.0
    for stage in stages.planned:
        if stage in over:
            continue
        spent = (now - stages.began[stage]).total_seconds() if stage in stages.began else 0.0
        # what takes longer than before is expected to take a tenth more still
        left += max(before.get(stage, 0.0) - spent, 0.1 * spent)
    return now + timedelta(seconds=left)


def _shown(stage: Stage, jobs: list[StoredJob], now: datetime) -> StageView:
    ends = [job.finished_at for job in jobs if job.finished_at is not None]
    going = sum(not job.life.state.is_over for job in jobs)
    done = sum(job.life.state is JobState.SUCCEEDED for job in jobs)
    end = now if going else max(ends, default=now)
    took_s = max(0.0, (end - _began(jobs)).total_seconds())
    gpu_s = sum(job.gpu_s for job in jobs)
    return StageView(stage, done, going, len(jobs) - done - going, took_s, gpu_s)


def _began(jobs: Iterable[StoredJob]) -> datetime:
    return min(job.queued_at for job in jobs)
