"""The line of jobs: who is sent next, who waits where. Its order is that of `bot.job_line.due_at`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.job_line import NIGHTLY_PRIORITY
from bot.jobs import JobKind, JobState
from bot.store.stored_jobs import StoredJob, stored_job
from bot.store.tables import jobs

_WAITS = jobs.c.state == JobState.QUEUED.value


@dataclass(frozen=True, slots=True, order=True)
class Waiting:
    """One who waits in a line; the order of two is that of the line."""

    due_at: datetime
    id: int
    kind: JobKind


class JobLine:
    """Reads the line of each queue, however long it is."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def next_in(
        self, queue: str, now: datetime, resend_before: datetime, limit: int, *, with_nightly: bool = True
    ) -> list[StoredJob]:
        """Return the jobs of a queue whose message is to be sent now, in the order of the line."""
        query = (
            select(jobs)
            .where(
                jobs.c.queue == queue,
                _WAITS,
                or_(jobs.c.not_before.is_(None), jobs.c.not_before <= now),
                or_(jobs.c.sent_at.is_(None), jobs.c.sent_at <= resend_before),
            )
            .order_by(jobs.c.due_at, jobs.c.id)
            .limit(limit)
        )
        if not with_nightly:
            query = query.where(jobs.c.priority > NIGHTLY_PRIORITY)
        async with self._engine.connect() as connection:
            return [stored_job(row) for row in (await connection.execute(query)).mappings()]

    async def waiting(self, queue: str, limit: int) -> list[Waiting]:
        """Return who waits in a queue, sent or not, in the order of the line."""
        query = (
            select(jobs.c.due_at, jobs.c.id, jobs.c.kind)
            .where(jobs.c.queue == queue, _WAITS)
            .order_by(jobs.c.due_at, jobs.c.id)
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            return [Waiting(at, job_id, JobKind(kind)) for at, job_id, kind in await connection.execute(query)]

    async def count_sent(self, queue: str, since: datetime) -> int:
        """Return how many messages of a queue may lie in the broker: sent since then, and not begun."""
        query = select(func.count()).where(jobs.c.queue == queue, _WAITS, jobs.c.sent_at > since)
        async with self._engine.connect() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def position(self, job: StoredJob) -> int:
        """Return the place of a queued job in its queue, counted from 1."""
        query = select(func.count()).where(*_before(job))
        async with self._engine.connect() as connection:
            return int((await connection.execute(query)).scalar_one()) + 1

    async def ahead(self, job: StoredJob) -> dict[JobKind, int]:
        """Return how many jobs of each kind are before a queued one."""
        query = select(jobs.c.kind, func.count()).where(*_before(job)).group_by(jobs.c.kind)
        async with self._engine.connect() as connection:
            return {JobKind(kind): int(count) for kind, count in await connection.execute(query)}


def _before(job: StoredJob) -> tuple[ColumnElement[bool], ...]:
    """Return what holds of those that wait before a queued job."""
    place = tuple_(literal(job.due_at, jobs.c.due_at.type), literal(job.id))
    return jobs.c.queue == job.queue, _WAITS, tuple_(jobs.c.due_at, jobs.c.id) < place
