"""What is spent when somebody asks for a job: counts and GPU hours, all in one question."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Integer, Select, String, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.budgets import Spent
from bot.jobs import JobRequest, JobState
from bot.store.stored_jobs import GOING
from bot.store.switches import GPU_PAUSED
from bot.store.tables import jobs, pull_requests, switches


def _question_of_standing() -> Select[Any]:
    """Return the query of `standing`: all numbers at once, put together only once because it is long."""
    repository, number = bindparam("repository_id", type_=BigInteger), bindparam("number", type_=Integer)
    author = select(pull_requests.c.author_id).where(
        pull_requests.c.repository_id == repository, pull_requests.c.number == number
    )
    of_author = select(pull_requests.c.number).where(
        pull_requests.c.repository_id == repository, pull_requests.c.author_id == author.scalar_subquery()
    )
    day, month = (bindparam(name, type_=jobs.c.finished_at.type) for name in ("day", "month"))
    counted = select(func.count()).select_from(jobs)
    hours = select(func.coalesce(func.sum(jobs.c.gpu_s), 0.0) / 3600)
    mine = (jobs.c.repository_id == repository, jobs.c.number == number)
    in_queue = (
        jobs.c.queue == bindparam("queue", type_=String),
        jobs.c.state == JobState.QUEUED.value,
        jobs.c.build_id == 0,  # a build of thousands of leaves keeps nobody out
    )
    its = (jobs.c.repository_id == repository, jobs.c.number.in_(of_author))
    same_kind = jobs.c.kind == bindparam("kind", type_=String)
    same_head = jobs.c.head_sha == bindparam("head_sha", type_=String)
    same_source = (
        jobs.c.repository_id == repository,
        jobs.c.source == bindparam("source", type_=String),
        same_kind,
    )
    first = select(func.min(jobs.c.id))
    return select(
        first.where(*mine, same_kind, same_head, jobs.c.state.in_(GOING)).scalar_subquery(),
        first.where(*same_source).scalar_subquery(),
        counted.where(*mine, jobs.c.state.in_(GOING)).scalar_subquery(),
        counted.where(*its, jobs.c.queued_at >= day).scalar_subquery(),
        counted.where(*in_queue).scalar_subquery(),
        hours.where(jobs.c.finished_at >= day).scalar_subquery(),
        hours.where(jobs.c.finished_at >= month).scalar_subquery(),
        select(switches.c.is_on).where(switches.c.name == GPU_PAUSED).scalar_subquery(),
        counted.where(*its, *in_queue).scalar_subquery(),
    )


_STANDING = _question_of_standing()


class JobSpending:
    """Reads what is spent."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def spent(self, request: JobRequest, queue: str, now: datetime) -> Spent:
        """Return what is spent when a job is asked for: counts, and GPU hours of this day and month in UTC."""
        return (await self.standing(request, queue, now))[1]

    async def standing(self, request: JobRequest, queue: str, now: datetime) -> tuple[int | None, Spent]:
        """Return which job answers a request already, by its number, and what is spent.

        That is one that computes the same and is not over, or else the one that the same order has queued. A step
        of a build is known by where it was asked for only, and no count limits it.
        """
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        given = {
            "repository_id": request.repository_id,
            "number": request.number,
            "kind": request.kind.value,
            "head_sha": request.head_sha,
            "source": request.source,
            "queue": queue,
            "day": day,
            "month": day.replace(day=1),
        }
        async with self._engine.connect() as connection:
            row = (await connection.execute(_STANDING, given)).one()
        equal, from_source, *counts = row
        going, today, waiting, gpu_today, gpu_month, paused, of_author_waiting = (value or 0 for value in counts)
        spent = Spent(
            int(going),
            int(today),
            int(waiting),
            float(gpu_today),
            float(gpu_month),
            bool(paused),
            waiting_of_author=int(of_author_waiting),
        )
        if request.is_of_build:
            return from_source, Spent(0, 0, 0, spent.gpu_h_today, spent.gpu_h_this_month, spent.is_paused)
        return equal or from_source, spent
