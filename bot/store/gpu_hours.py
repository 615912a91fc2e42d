"""GPU hours: what is used and what is promised, of a day, a month and a night."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.job_line import NIGHTLY_PRIORITY
from bot.jobs import JobKind, JobState
from bot.store.tables import jobs
from pipeline.contract import Queue

_ON_A_GPU = jobs.c.queue != Queue.CPU.value
_NIGHTLY = jobs.c.priority <= NIGHTLY_PRIORITY
_RUNS = jobs.c.state == JobState.RUNNING.value
_WAITS = jobs.c.state == JobState.QUEUED.value

Costs = Mapping[JobKind, float]  # GPU hours that a job of a kind should take


@dataclass(frozen=True, slots=True)
class GpuHours:
    """Hours of finished jobs, and of running ones so far: today and this month, in UTC."""

    today: float
    this_month: float


class GpuHourStore:
    """Reads how many GPU hours were used."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def used(self, now: datetime) -> GpuHours:
        """Return the hours of this day and month."""
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        hours = func.coalesce(func.sum(jobs.c.gpu_s), 0.0)
        of_today = func.coalesce(func.sum(jobs.c.gpu_s).filter(jobs.c.finished_at >= day), 0.0)
        query = select(of_today, hours).where(jobs.c.finished_at >= day.replace(day=1))
        async with self._engine.connect() as connection:
            today_s, month_s = (await connection.execute(query)).one()
        running = await self._running(now, _ON_A_GPU)
        return GpuHours(float(today_s) / 3600 + running, float(month_s) / 3600 + running)

    async def promised(self, costs: Costs) -> float:
        """Return the hours that queued jobs should take."""
        query = select(jobs.c.kind, func.count()).where(_ON_A_GPU, _WAITS).group_by(jobs.c.kind)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        return sum(costs[JobKind(kind)] * int(count) for kind, count in rows)

    async def of_night(self, now: datetime, since: datetime, costs: Costs, *, with_waiting: bool = False) -> float:
        """Return the hours of nightly jobs since the night began: used, or promised by jobs that run or are sent.

        A running job counts with what it should take, or with what it has taken if that is more. `with_waiting`
        adds those that wait and are not sent.
        """
        begun = or_(_RUNS, and_(_WAITS, jobs.c.sent_at.is_not(None)))
        going = or_(_RUNS, _WAITS) if with_waiting else begun
        query = select(jobs.c.kind, jobs.c.gpu_s, jobs.c.lease_since).where(_ON_A_GPU, _NIGHTLY, going)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        hours = await self._finished(since, _NIGHTLY)
        for kind, gpu_s, lease_since in rows:
            held_s = gpu_s + (max(0.0, (now - lease_since).total_seconds()) if lease_since else 0.0)
            hours += max(costs[JobKind(kind)], held_s / 3600)
        return hours

    async def _finished(self, since: datetime, *where: ColumnElement[bool]) -> float:
        query = select(func.coalesce(func.sum(jobs.c.gpu_s), 0.0)).where(jobs.c.finished_at >= since, *where)
        async with self._engine.connect() as connection:
            return float((await connection.execute(query)).scalar_one()) / 3600

    async def _running(self, now: datetime, *where: ColumnElement[bool]) -> float:
        query = select(jobs.c.lease_since).where(_RUNS, *where)
        async with self._engine.connect() as connection:
            began = (await connection.execute(query)).scalars().all()
        held_s: float = sum(max(0.0, (now - since).total_seconds()) for since in began if since is not None)
        return held_s / 3600
