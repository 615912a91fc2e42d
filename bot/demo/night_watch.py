"""Follows a build through the night: tells each stage, each step that ends, and what it took."""

from __future__ import annotations

import asyncio
import time

from bot.demo.narrator import Narrator
from bot.demo.night_stage import NightStage, NightStageError
from bot.jobs import JobKind, JobState
from bot.nightly.build_view import Stage, stage_of
from bot.nightly.builds import Build, BuildState
from bot.store.stored_jobs import StoredJob

_LOOKS_EVERY_S = 0.3
_LONGEST_WORD = 160


async def followed(stage: NightStage, narrator: Narrator, name: str, within_s: float) -> Build:
    """Tell how a build goes until it is over. Raises NightStageError."""
    began, told, under_way = time.monotonic(), set[str](), ""
    while True:
        build = await stage.newest()
        jobs = await stage.steps(build) if build is not None else []
        for job in jobs:
            where = stage_of(job.request.step)
            is_beside = job.request.kind is JobKind.VARIANT  # a part of the gate, done while others train
            if job.life.state is not JobState.QUEUED and not is_beside and where not in told:
                told.add(where)
                under_way = where
                narrator.notes(f"  {_clock(began)}  stage {list(Stage).index(where) + 1} of {len(Stage)}: {where}")
            if job.life.state.is_over and job.request.step not in told:
                told.add(job.request.step)
                narrator.notes(f"  {_clock(began)}    {_ended(job)}")
        if build is not None and build.name == name and not build.state.is_open:
            return build
        if time.monotonic() - began > within_s:
            raise NightStageError(
                f"{name} has no end after {within_s:.0f} s; stage: {under_way or 'none'}.\n{stage.bot.said()}"
            )
        await asyncio.sleep(_LOOKS_EVERY_S)


def has_succeeded(build: Build) -> bool:
    """True for a build that passed its gate and is published."""
    return build.state is BuildState.GOOD


def _ended(job: StoredJob) -> str:
    """Return how a step came to its end: its name, what it took, its own words."""
    took_s = job.life.outcome.run_s if job.life.outcome else 0.0
    step = job.request.step.replace("knowledge/geography/invented/", ".../").replace("compositional_skills", "...")
    state = "" if job.life.state is JobState.SUCCEEDED else f"{job.life.state}: "
    return f"{step}: {took_s:.0f} s. {state}{job.life.message[:_LONGEST_WORD]}"


def _clock(began: float) -> str:
    spent = int(time.monotonic() - began)
    return f"{spent // 60}:{spent % 60:02}"
