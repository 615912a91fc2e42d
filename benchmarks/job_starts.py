"""From the order of a job to its own work: a real Redis, a real worker process, a model server that notes the time.

A job has begun its own work when its first question reaches the model: by then its lease is granted and its input
is read and verified. That is later than what a queue calls the start, so nothing is left out.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from bot.budgets import Budget
from bot.jobs import Job, JobState
from bot.store.stored_jobs import StoredJob
from tests.jobs.model_server import ModelServer
from tests.jobs.workshop import Workshop

STARTS = 50
_WITHIN_S = 60.0


class WatchedModel(ModelServer):
    """Notes when a question comes."""

    def __init__(self) -> None:
        super().__init__()
        self.asked_at: list[float] = []

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked_at.append(time.perf_counter())
        return await super()._answer(request)


@dataclass(frozen=True, slots=True)
class Start:
    """How long one job took from its order, in seconds: until it had its lease, and until its own work."""

    lease_s: float
    work_s: float


@dataclass(frozen=True, slots=True)
class Starts:
    """The first job of a fresh worker, the second one, and those of an idle worker."""

    cold: Start
    warm: Start
    idle: tuple[Start, ...]


async def job_starts(count: int = STARTS) -> Starts:
    """Return how jobs begin on one worker that has nothing else to do."""
    with tempfile.TemporaryDirectory(prefix="jobs-") as folder:
        workshop, model = Workshop(Path(folder), heartbeat_s=15, silent_s=60, resend_s=60), WatchedModel()
        workshop.model, workshop.budget = model, Budget(per_author_and_day=count + 2)
        chance = random.Random(7)
        async with workshop:
            workshop.starts_a_worker(HELLO_S="15")
            await _until(lambda: "worker" in workshop.leases.workers)
            cold = await _start(workshop, model)
            warm = await _start(workshop, model)
            idle = []
            for _ in range(count):
                await asyncio.sleep(chance.uniform(0.05, 0.6))  # at no fixed moment of anybody's waiting
                idle.append(await _start(workshop, model))
        return Starts(cold, warm, tuple(idle))


async def _start(workshop: Workshop, model: WatchedModel) -> Start:
    """Ask for a job, wait until it is done, and return when it began."""
    model.asked_at.clear()
    leased: list[float] = []
    workshop.changes = _Watched(leased)
    began = time.perf_counter()
    job: Job = await workshop.asks_for()
    over = await workshop.ends(job, _WITHIN_S)
    if over.life.state is not JobState.SUCCEEDED:
        raise RuntimeError(f"a job ended as {over.life.state}: {over.life.message}")
    await _until(lambda: not workshop.leases.workers["worker"].is_busy)
    return Start(leased[0] - began, model.asked_at[0] - began)


class _Watched(list[tuple[StoredJob, StoredJob]]):
    """The changes of jobs; notes when one began to run."""

    def __init__(self, leased: list[float]) -> None:
        super().__init__()
        self._leased = leased

    def append(self, change: tuple[StoredJob, StoredJob]) -> None:
        before, after = (job.life.state for job in change)
        if after is JobState.RUNNING and before is not after:
            self._leased.append(time.perf_counter())


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(_WITHIN_S):
        while not holds():  # noqa: ASYNC110 - it looks at what another process does
            await asyncio.sleep(0.02)
