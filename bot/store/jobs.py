"""Jobs: the database is the queue. Every change is a compare-and-swap, so that nobody overwrites anybody."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.job_flow import Life
from bot.job_line import due_at
from bot.jobs import JobKind, JobRequest, JobState
from bot.nightly.builds import Build
from bot.store.gpu_hours import GpuHourStore
from bot.store.job_line import JobLine
from bot.store.job_logs import JobLogs, LogPart
from bot.store.job_spending import JobSpending
from bot.store.job_times import JobTimes
from bot.store.stored_jobs import GOING, StoredJob, life_columns, stored_job
from bot.store.swaps import SwapStore
from bot.store.tables import builds, jobs
from bot.store.workers import WorkerRows

_TRIES = 20
_AT_ONCE = 200  # rows that are read before others get a turn


class JobStore:
    """Reads and writes jobs; what is asked about them is in the rooms beside it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.line = JobLine(engine)
        self.logs = JobLogs(engine)
        self.times = JobTimes(engine)
        self.spending = JobSpending(engine)
        self.gpu_hours = GpuHourStore(engine)
        self.swaps = SwapStore(engine)
        self.workers = WorkerRows(engine)
        insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        self._add = insert(jobs).on_conflict_do_nothing().returning(jobs.c.id)

    async def add(
        self, request: JobRequest, queue: str, priority: int, at: datetime, waiting_of_author: int = 0
    ) -> StoredJob:
        """Queue a job; asked for from the same place again, return the one that is there."""
        place = due_at(at, priority, waiting_of_author)
        values = {
            "repository_id": request.repository_id,
            "number": request.number,
            "kind": request.kind.value,
            "head_sha": request.head_sha,
            "content_digest": request.content_digest,
            "asked_by_id": request.asked_by_id,
            "asked_by": request.asked_by,
            "build_id": request.build_id,
            "build_attempt": request.build_attempt,
            "step": request.step,
            "variant": request.variant,
            "source": request.source,
            "queue": queue,
            "priority": priority,
            "queued_at": at,
            "due_at": place,
            "revision": 0,
            "is_shown": False,
            **life_columns(Life()),
        }
        where = (
            jobs.c.repository_id == request.repository_id,
            jobs.c.source == request.source,
            jobs.c.kind == request.kind.value,
        )
        async with self._engine.begin() as connection:
            job_id = (await connection.execute(self._add, values)).scalar_one_or_none()
            if job_id is not None:
                return StoredJob(job_id, request, queue, priority, at, due_at=place)
            return stored_job((await connection.execute(select(jobs).where(*where))).mappings().one())

    async def get(self, job_id: int) -> StoredJob | None:
        """Return a job."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(jobs).where(jobs.c.id == job_id))).mappings().one_or_none()
        return stored_job(row) if row else None

    async def of_pull(self, repository_id: int, number: int) -> list[StoredJob]:
        """Return the jobs of a pull request, oldest first."""
        where = (jobs.c.repository_id == repository_id, jobs.c.number == number)
        return await self._all(*where)

    async def of_build(self, build_id: int) -> list[StoredJob]:
        """Return the steps of a build as it is planned now, oldest first; not those of earlier attempts."""
        attempt = select(builds.c.attempt).where(builds.c.id == build_id).scalar_subquery()
        return await self._all(jobs.c.build_id == build_id, jobs.c.build_attempt == attempt)

    async def revisions_of_build(self, build_id: int, attempt: int) -> dict[int, int]:
        """Return the revisions of a build's steps, by the job's number, oldest first."""
        its = (jobs.c.build_id == build_id, jobs.c.build_attempt == attempt)
        query = select(jobs.c.id, jobs.c.revision).where(*its).order_by(jobs.c.id)
        async with self._engine.connect() as connection:
            return {int(job_id): int(revision) for job_id, revision in await connection.execute(query)}

    async def states_of_build(self, build: Build) -> dict[str, JobState]:
        """Return how the steps of a build stand, oldest first."""
        its = (jobs.c.build_id == build.id, jobs.c.build_attempt == build.attempt)
        query = select(jobs.c.step, jobs.c.state).where(*its).order_by(jobs.c.id)
        async with self._engine.connect() as connection:
            return {str(step): JobState(state) for step, state in await connection.execute(query)}

    async def some(self, job_ids: Sequence[int]) -> dict[int, StoredJob]:
        """Return jobs by their numbers; others go on while many are read."""
        found: dict[int, StoredJob] = {}
        for first in range(0, len(job_ids), _AT_ONCE):
            part = job_ids[first : first + _AT_ONCE]
            found |= {job.id: job for job in await self._all(jobs.c.id.in_(part))}
        return found

    async def of_step(self, build_ids: Iterable[int], step: str) -> dict[int, StoredJob]:
        """Return the newest job of a step of each of several builds, by build, as each is planned now."""
        latest = (builds.c.id == jobs.c.build_id, builds.c.attempt == jobs.c.build_attempt)
        planned_so = select(builds.c.id).where(*latest).exists()
        found = await self._all(jobs.c.build_id.in_([*build_ids]), jobs.c.step == step, planned_so)
        return {job.request.build_id: job for job in found}

    async def is_generating(self, build_id: int) -> bool:
        """True while data are generated, or wait to be, for a build."""
        its = (jobs.c.build_id == build_id, jobs.c.kind == JobKind.GENERATE.value, jobs.c.state.in_(GOING))
        async with self._engine.connect() as connection:
            return bool((await connection.execute(select(exists().where(*its)))).scalar_one())

    async def running(self) -> list[StoredJob]:
        """Return every job that runs."""
        return await self._all(jobs.c.state == JobState.RUNNING.value)

    async def counts(self) -> list[tuple[str, int, int]]:
        """Return for each queue how many jobs wait and how many run."""
        waiting = func.count().filter(jobs.c.state == JobState.QUEUED.value)
        running = func.count().filter(jobs.c.state == JobState.RUNNING.value)
        query = select(jobs.c.queue, waiting, running).where(jobs.c.state.in_(GOING)).group_by(jobs.c.queue)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query.order_by(jobs.c.queue))).all()
        return [(str(queue), int(wait), int(run)) for queue, wait, run in rows]

    async def counts_of_builds(self) -> dict[str, int]:
        """Return for each queue how many steps of builds wait or run."""
        its = (jobs.c.state.in_(GOING), jobs.c.build_id > 0)
        query = select(jobs.c.queue, func.count()).where(*its).group_by(jobs.c.queue)
        async with self._engine.connect() as connection:
            return {str(queue): int(count) for queue, count in await connection.execute(query)}

    async def change(
        self, job_id: int, step: Callable[[StoredJob], StoredJob | None], told: LogPart | None = None
    ) -> tuple[StoredJob, StoredJob] | None:
        """Apply a pure step to a job as it is now. Return it before and after, None when there is no such job.

        A step that returns None, or the same, changes nothing. What the step raises passes through. Somebody
        else's change in between has the step applied anew. `told` is kept unless the step raises, together with
        the change or not at all: who sees the change sees these lines.
        """
        for _ in range(_TRIES):
            before = await self.get(job_id)
            if before is None:
                return None
            after = step(before)
            if after is None or after == before:
                if told is not None:
                    await self.logs.add(job_id, told)
                return before, before
            if await self._swap(before, after, told):
                return before, replace(after, revision=before.revision + 1)
        raise RuntimeError(f"job {job_id} changes faster than it can be read")

    async def _swap(self, before: StoredJob, after: StoredJob, told: LogPart | None) -> bool:
        values = life_columns(after.life) | {
            "head_sha": after.request.head_sha,
            "queued_at": after.queued_at,
            "due_at": after.due_at,
            "sent_at": after.sent_at,
            "gpu_s": after.gpu_s,
            "finished_at": after.finished_at,
            "revision": before.revision + 1,
            "is_shown": False,
        }
        where = (jobs.c.id == before.id, jobs.c.revision == before.revision)
        async with self._engine.begin() as connection:
            is_ours = (await connection.execute(update(jobs).where(*where).values(values))).rowcount == 1
            if is_ours and told is not None:
                await self.logs.add(before.id, told, connection)
        return is_ours

    async def note_sent(self, job_ids: Sequence[int], at: datetime) -> None:
        """Remember that messages went to the broker."""
        async with self._engine.begin() as connection:
            where = (jobs.c.id.in_(job_ids), jobs.c.state == JobState.QUEUED.value)
            await connection.execute(update(jobs).where(*where).values(sent_at=at))

    async def unshown(self, limit: int = 100) -> list[StoredJob]:
        """Return jobs that have changed since they were last shown on GitHub, oldest first."""
        query = select(jobs).where(jobs.c.is_shown.is_(False)).order_by(jobs.c.id).limit(limit)
        async with self._engine.connect() as connection:
            return [stored_job(row) for row in (await connection.execute(query)).mappings()]

    async def note_shown(self, job: StoredJob, check_run_id: int | None) -> None:
        """Remember that GitHub shows a job as it was when `job` was read, and under which check run."""
        same = jobs.c.revision == job.revision
        async with self._engine.begin() as connection:
            await connection.execute(update(jobs).where(jobs.c.id == job.id).values(check_run_id=check_run_id))
            await connection.execute(update(jobs).where(jobs.c.id == job.id, same).values(is_shown=True))

    async def note_commit_of_check_run(self, job: StoredJob) -> None:
        """Remember that the check run of a job is about to be made at the commit that `job` names."""
        values = {"check_run_sha": job.request.head_sha, "check_run_id": None}
        async with self._engine.begin() as connection:
            await connection.execute(update(jobs).where(jobs.c.id == job.id).values(values))

    async def show_again(self, job_id: int) -> None:
        """Have a job shown anew on GitHub, although it has not changed."""
        async with self._engine.begin() as connection:
            await connection.execute(update(jobs).where(jobs.c.id == job_id).values(is_shown=False))

    async def _all(self, *where: Any) -> list[StoredJob]:
        async with self._engine.connect() as connection:
            rows = (await connection.execute(select(jobs).where(*where).order_by(jobs.c.id))).mappings().all()
        return [stored_job(row) for row in rows]
