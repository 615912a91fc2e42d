"""What the pages about jobs ask the database: a few columns of few rows, whatever there is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.jobs import JobKind, JobState
from bot.store.tables import builds, jobs, pull_requests

_J = jobs.c
_SHOWN = (
    _J.id,
    _J.repository_id,
    _J.number,
    _J.build_id,
    _J.step,
    _J.kind,
    _J.state,
    _J.queue,
    _J.priority,
    _J.asked_by,
    _J.queued_at,
    _J.finished_at,
    _J.attempt,
    _J.progress_share,
    _J.progress_stage,
    _J.lease_worker,
    _J.lease_since,
    _J.not_before,
    _J.gpu_s,
)


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job in a list. `number` is 0 for a step of a build; `worker` and `since` are of the attempt that runs."""

    id: int
    repository_id: int
    number: int
    build_id: int
    step: str
    kind: JobKind
    state: JobState
    queue: str
    priority: int
    asked_by: str
    queued_at: datetime
    finished_at: datetime | None
    attempt: int
    progress_share: float | None
    progress_stage: str
    worker: str
    since: datetime | None
    not_before: datetime | None
    gpu_s: float


@dataclass(frozen=True, slots=True)
class PullOfJob:
    """The pull request that a job is about; nobody's where nobody knows it."""

    author_id: int = 0
    author: str = ""
    title: str = ""
    head_sha: str = ""


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs a list shows: of one kind, in some states, of one pull request or build; without any, all."""

    kind: JobKind | None = None
    states: Collection[JobState] = ()
    number: int = 0
    build_id: int = 0


class BoardJobs:
    """Reads jobs for pages."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def newest(self, repository_id: int, wanted: JobFilter, before: int, limit: int) -> list[JobRow]:
        """Return jobs of a repository, the newest first; those before one, or with 0 the newest of all."""
        where: list[ColumnElement[bool]] = [_J.repository_id == repository_id]
        if wanted.number:
            where.append(_J.number == wanted.number)
        elif wanted.build_id:
            where.append(_J.build_id == wanted.build_id)
        else:  # by number: an index would find all of a repository's jobs, to sort them
            where = [_J.repository_id + 0 == repository_id]
        if wanted.kind is not None:
            where.append(_J.kind == wanted.kind.value)
        if before:
            where.append(_J.id < before)
        newest = select(*_SHOWN).order_by(_J.id.desc()).limit(limit)
        if not wanted.states:
            return await self._rows(newest.where(*where))
        # state by state, for an index holds each of them in order
        found = [
            row
            for state in wanted.states
            for row in await self._rows(newest.where(*where, _J.state == state.value))
        ]
        return sorted(found, key=lambda row: -row.id)[:limit]

    async def running(self, limit: int) -> list[JobRow]:
        """Return the jobs that run, of all repositories: they share the workers. The longest running come first."""
        running = select(*_SHOWN).where(_J.state == JobState.RUNNING.value)
        return await self._rows(running.order_by(_J.lease_since, _J.id).limit(limit))

    async def waiting(self, queues: Sequence[str], limit: int) -> dict[str, list[JobRow]]:
        """Return who waits in some queues, each in the order of its line, of all repositories."""
        lines: dict[str, list[JobRow]] = {queue: [] for queue in queues}
        if queues:
            of_all = union_all(*(_line(queue, limit) for queue in queues))
            for row in await self._rows(of_all.order_by(_J.due_at.name, _J.id.name)):
                lines[row.queue].append(row)
        return lines

    async def pull_of(self, repository_id: int, number: int) -> PullOfJob:
        """Return whose pull request it is."""
        its = (pull_requests.c.repository_id == repository_id, pull_requests.c.number == number)
        p = pull_requests.c
        query = select(p.author_id, p.author, p.title, p.head_sha).where(*its)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return PullOfJob(*row) if row else PullOfJob()

    async def titles(self, repository_id: int, numbers: Collection[int]) -> dict[int, PullOfJob]:
        """Return whose some pull requests are, by number."""
        p = pull_requests.c
        its = (p.repository_id == repository_id, p.number.in_(set(numbers)))
        async with self._engine.connect() as connection:
            rows = await connection.execute(select(p.number, p.author_id, p.author, p.title).where(*its))
            return {number: PullOfJob(author_id, author, title) for number, author_id, author, title in rows}

    async def build_names(self, build_ids: Collection[int]) -> dict[int, str]:
        """Return the nights of builds, by number."""
        if not build_ids:
            return {}
        query = select(builds.c.id, builds.c.night).where(builds.c.id.in_(set(build_ids)))
        async with self._engine.connect() as connection:
            return {int(build_id): str(night) for build_id, night in await connection.execute(query)}

    async def went_wrong_since(self, repository_id: int, since: datetime) -> int:
        """Return how many jobs broke down since a moment, through no fault of a contribution."""
        broken = (JobState.INFRA_ERROR.value, JobState.TIMED_OUT.value)
        # found by when they were over, which are few; the state and the repository of most jobs are the same
        its = (_J.finished_at >= since, (_J.state + "").in_(broken), _J.repository_id + 0 == repository_id)
        async with self._engine.connect() as connection:
            return int((await connection.execute(select(func.count()).where(*its))).scalar_one())

    async def _rows(self, query: Any) -> list[JobRow]:
        async with self._engine.connect() as connection:
            return [_row(row) for row in (await connection.execute(query)).mappings()]


def _line(queue: str, limit: int) -> Select[Any]:
    waiting = select(*_SHOWN, _J.due_at).where(_J.queue == queue, _J.state == JobState.QUEUED.value)
    return select(waiting.order_by(_J.due_at, _J.id).limit(limit).subquery())


def _row(row: RowMapping) -> JobRow:
    return JobRow(
        row["id"],
        row["repository_id"],
        row["number"],
        row["build_id"],
        row["step"],
        JobKind(row["kind"]),
        JobState(row["state"]),
        row["queue"],
        row["priority"],
        row["asked_by"],
        row["queued_at"],
        row["finished_at"],
        row["attempt"],
        row["progress_share"],
        row["progress_stage"],
        row["lease_worker"],
        row["lease_since"],
        row["not_before"],
        row["gpu_s"],
    )
