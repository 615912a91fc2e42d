"""Jobs: the database is the queue. Every change is a compare-and-swap, so that nobody overwrites anybody."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Integer,
    RowMapping,
    Select,
    String,
    bindparam,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.budgets import Spent, expected_gpu_h
from bot.job_flow import Lease, Life
from bot.job_line import NIGHTLY_PRIORITY, due_at
from bot.jobs import Job, JobKind, JobRequest, JobState
from bot.store.gpu_hours import GpuHourStore
from bot.store.swaps import SwapStore
from bot.store.switches import GPU_PAUSED
from bot.store.tables import job_reports, jobs, pull_requests, switches
from checks.contribution import Login, Sha
from pipeline.contract import Outcome, Progress, Queue, outcome_from_data, outcome_to_data

_GOING = (JobState.QUEUED.value, JobState.RUNNING.value)
_TRIES = 20
_UNPLACED = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StoredJob:
    """One job with its life. `sent_at` is when its message last went to the broker, for this attempt."""

    id: int
    request: JobRequest
    queue: str
    priority: int
    queued_at: datetime
    life: Life = Life()
    sent_at: datetime | None = None
    check_run_id: int | None = None
    finished_at: datetime | None = None
    revision: int = 0
    gpu_s: float = 0.0  # that workers have held it on a GPU queue
    due_at: datetime = _UNPLACED  # its place in the line

    def living(self, life: Life, now: datetime) -> StoredJob:
        """Return the job with another life: over, it is finished now; left for another attempt, it is unsent."""
        if life == self.life:
            return self
        sent_at = None if life.attempt != self.life.attempt else self.sent_at
        finished_at = now if life.state.is_over else None
        gpu_s = self.gpu_s
        if self.life.lease is not None and life.lease is None and self.queue != Queue.CPU:
            gpu_s += (now - self.life.lease.since).total_seconds()
        return replace(self, life=life, sent_at=sent_at, finished_at=finished_at, gpu_s=gpu_s)


@dataclass(frozen=True, slots=True, order=True)
class Waiting:
    """One who waits in a line; the order of two is that of the line."""

    due_at: datetime
    id: int
    kind: JobKind


@dataclass(frozen=True, slots=True)
class LogPart:
    """Lines of the log of one attempt that reached us at once."""

    attempt: int
    at: datetime
    lines: str


def _question_of_standing() -> Select[Any]:
    """Return the query of `JobStore.standing`: all numbers at once, put together only once because it is long."""
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
    in_queue = (jobs.c.queue == bindparam("queue", type_=String), jobs.c.state == JobState.QUEUED.value)
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
        first.where(*mine, same_kind, same_head, jobs.c.state.in_(_GOING)).scalar_subquery(),
        first.where(*same_source).scalar_subquery(),
        counted.where(*mine, jobs.c.state.in_(_GOING)).scalar_subquery(),
        counted.where(*its, jobs.c.queued_at >= day).scalar_subquery(),
        counted.where(*in_queue).scalar_subquery(),
        hours.where(jobs.c.finished_at >= day).scalar_subquery(),
        hours.where(jobs.c.finished_at >= month).scalar_subquery(),
        select(switches.c.is_on).where(switches.c.name == GPU_PAUSED).scalar_subquery(),
        counted.where(*its, *in_queue).scalar_subquery(),
    )


_STANDING = _question_of_standing()


class JobStore:
    """Reads and writes jobs."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.gpu_hours = GpuHourStore(engine)
        self.swaps = SwapStore(engine)
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        self._add = self._insert(jobs).on_conflict_do_nothing().returning(jobs.c.id)

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
            "asked_by_id": request.asked_by_id,
            "asked_by": request.asked_by,
            "source": request.source,
            "queue": queue,
            "priority": priority,
            "queued_at": at,
            "due_at": place,
            "revision": 0,
            "is_shown": False,
            **_columns(Life()),
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
            return _job((await connection.execute(select(jobs).where(*where))).mappings().one())

    async def get(self, job_id: int) -> StoredJob | None:
        """Return a job."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(jobs).where(jobs.c.id == job_id))).mappings().one_or_none()
        return _job(row) if row else None

    async def of_pull(self, repository_id: int, number: int) -> list[StoredJob]:
        """Return the jobs of a pull request, oldest first."""
        where = (jobs.c.repository_id == repository_id, jobs.c.number == number)
        return await self._all(*where)

    async def running(self) -> list[StoredJob]:
        """Return every job that runs."""
        return await self._all(jobs.c.state == JobState.RUNNING.value)

    async def counts(self) -> list[tuple[str, int, int]]:
        """Return for each queue how many jobs wait and how many run."""
        waiting = func.count().filter(jobs.c.state == JobState.QUEUED.value)
        running = func.count().filter(jobs.c.state == JobState.RUNNING.value)
        query = select(jobs.c.queue, waiting, running).where(jobs.c.state.in_(_GOING)).group_by(jobs.c.queue)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query.order_by(jobs.c.queue))).all()
        return [(str(queue), int(wait), int(run)) for queue, wait, run in rows]

    async def gpu_times(self, kind: JobKind, limit: int = 50) -> list[float]:
        """Return how long the newest successful jobs of a kind held a GPU, in seconds."""
        query = (
            select(jobs.c.gpu_s)
            .where(jobs.c.kind == kind.value, jobs.c.state == JobState.SUCCEEDED.value)
            .order_by(jobs.c.id.desc())
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            return [float(seconds) for seconds in (await connection.execute(query)).scalars()]

    async def expected_costs(self) -> dict[JobKind, float]:
        """Return how many GPU hours a job of each kind should take."""
        return {kind: expected_gpu_h(kind, await self.gpu_times(kind)) for kind in JobKind}

    async def next_in(
        self, queue: str, now: datetime, resend_before: datetime, limit: int, *, with_nightly: bool = True
    ) -> list[StoredJob]:
        """Return the jobs of a queue whose message is to be sent now, in the order of the line."""
        query = (
            select(jobs)
            .where(
                jobs.c.queue == queue,
                jobs.c.state == JobState.QUEUED.value,
                or_(jobs.c.not_before.is_(None), jobs.c.not_before <= now),
                or_(jobs.c.sent_at.is_(None), jobs.c.sent_at <= resend_before),
            )
            .order_by(jobs.c.due_at, jobs.c.id)
            .limit(limit)
        )
        if not with_nightly:
            query = query.where(jobs.c.priority > NIGHTLY_PRIORITY)
        async with self._engine.connect() as connection:
            return [_job(row) for row in (await connection.execute(query)).mappings()]

    async def line(self, queue: str, limit: int) -> list[Waiting]:
        """Return who waits in a queue, sent or not, in the order of the line."""
        query = (
            select(jobs.c.due_at, jobs.c.id, jobs.c.kind)
            .where(jobs.c.queue == queue, jobs.c.state == JobState.QUEUED.value)
            .order_by(jobs.c.due_at, jobs.c.id)
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            return [Waiting(at, job_id, JobKind(kind)) for at, job_id, kind in await connection.execute(query)]

    async def count_sent(self, queue: str, since: datetime) -> int:
        """Return how many messages of a queue may lie in the broker: sent since then, and not begun."""
        query = select(func.count()).where(
            jobs.c.queue == queue, jobs.c.state == JobState.QUEUED.value, jobs.c.sent_at > since
        )
        async with self._engine.connect() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def position(self, job: StoredJob) -> int:
        """Return the place of a queued job in its queue, counted from 1."""
        place = tuple_(literal(job.due_at, jobs.c.due_at.type), literal(job.id))
        ahead = tuple_(jobs.c.due_at, jobs.c.id) < place
        query = select(func.count()).where(jobs.c.queue == job.queue, jobs.c.state == JobState.QUEUED.value, ahead)
        async with self._engine.connect() as connection:
            return int((await connection.execute(query)).scalar_one()) + 1

    async def ahead(self, job: StoredJob) -> dict[JobKind, int]:
        """Return how many jobs of each kind are before a queued one."""
        place = tuple_(literal(job.due_at, jobs.c.due_at.type), literal(job.id))
        is_ahead = tuple_(jobs.c.due_at, jobs.c.id) < place
        where = (jobs.c.queue == job.queue, jobs.c.state == JobState.QUEUED.value, is_ahead)
        query = select(jobs.c.kind, func.count()).where(*where).group_by(jobs.c.kind)
        async with self._engine.connect() as connection:
            return {JobKind(kind): int(count) for kind, count in await connection.execute(query)}

    async def change(
        self, job_id: int, step: Callable[[StoredJob], StoredJob | None]
    ) -> tuple[StoredJob, StoredJob] | None:
        """Apply a pure step to a job as it is now. Return it before and after, None when there is no such job.

        A step that returns None, or the same, changes nothing. What the step raises passes through. Somebody
        else's change in between has the step applied anew.
        """
        for _ in range(_TRIES):
            before = await self.get(job_id)
            if before is None:
                return None
            after = step(before)
            if after is None or after == before:
                return before, before
            if await self._swap(before, after):
                return before, replace(after, revision=before.revision + 1)
        raise RuntimeError(f"job {job_id} changes faster than it can be read")

    async def _swap(self, before: StoredJob, after: StoredJob) -> bool:
        values = _columns(after.life) | {
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
            return (await connection.execute(update(jobs).where(*where).values(values))).rowcount == 1

    async def note_sent(self, job_ids: Sequence[int], at: datetime) -> None:
        """Remember that messages went to the broker."""
        async with self._engine.begin() as connection:
            where = (jobs.c.id.in_(job_ids), jobs.c.state == JobState.QUEUED.value)
            await connection.execute(update(jobs).where(*where).values(sent_at=at))

    async def unshown(self, limit: int = 100) -> list[StoredJob]:
        """Return jobs that have changed since they were last shown on GitHub, oldest first."""
        query = select(jobs).where(jobs.c.is_shown.is_(False)).order_by(jobs.c.id).limit(limit)
        async with self._engine.connect() as connection:
            return [_job(row) for row in (await connection.execute(query)).mappings()]

    async def note_shown(self, job: StoredJob, check_run_id: int | None) -> None:
        """Remember that GitHub shows a job as it was when `job` was read, and under which check run."""
        same = jobs.c.revision == job.revision
        async with self._engine.begin() as connection:
            await connection.execute(update(jobs).where(jobs.c.id == job.id).values(check_run_id=check_run_id))
            await connection.execute(update(jobs).where(jobs.c.id == job.id, same).values(is_shown=True))

    async def show_again(self, job_id: int) -> None:
        """Have a job shown anew on GitHub, although it has not changed."""
        async with self._engine.begin() as connection:
            await connection.execute(update(jobs).where(jobs.c.id == job_id).values(is_shown=False))

    async def spent(self, request: JobRequest, queue: str, now: datetime) -> Spent:
        """Return what is spent when a job is asked for: counts, and GPU hours of this day and month in UTC."""
        return (await self.standing(request, queue, now))[1]

    async def standing(self, request: JobRequest, queue: str, now: datetime) -> tuple[int | None, Spent]:
        """Return which job answers a request already, by its number, and what is spent.

        That is one that computes the same and is not over, or else the one that the same order has queued.
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
        return equal or from_source, spent

    async def run_times(self, kind: JobKind, limit: int = 50) -> list[float]:
        """Return how long the newest successful jobs of a kind ran, in seconds."""
        query = (
            select(jobs.c.outcome)
            .where(jobs.c.kind == kind.value, jobs.c.state == JobState.SUCCEEDED.value)
            .order_by(jobs.c.id.desc())
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            found = (await connection.execute(query)).scalars().all()
        return [outcome_from_data(json.loads(text)).run_s for text in found if text]

    async def add_report(self, job_id: int, attempt: int, sequence: int, at: datetime, lines: str) -> None:
        """Keep lines of a log; the same report is kept once."""
        values = {"job_id": job_id, "attempt": attempt, "sequence": sequence, "at": at, "lines": lines}
        async with self._engine.begin() as connection:
            await connection.execute(self._insert(job_reports).values(values).on_conflict_do_nothing())

    async def log_of(self, job_id: int) -> list[str]:
        """Return the lines of a job's log, oldest first."""
        query = (
            select(job_reports.c.lines)
            .where(job_reports.c.job_id == job_id)
            .order_by(job_reports.c.attempt, job_reports.c.sequence)
        )
        async with self._engine.connect() as connection:
            found = (await connection.execute(query)).scalars().all()
        return [line for lines in found for line in lines.splitlines()]

    async def log_pages(self, job_id: int, rows: int = 200) -> AsyncIterator[list[LogPart]]:
        """Yield all of a job's log, oldest first, some reports at a time."""
        last = (0, -1)
        while True:
            later = tuple_(job_reports.c.attempt, job_reports.c.sequence) > tuple_(*(literal(n) for n in last))
            query = (
                select(job_reports)
                .where(job_reports.c.job_id == job_id, later)
                .order_by(job_reports.c.attempt, job_reports.c.sequence)
                .limit(rows)
            )
            async with self._engine.connect() as connection:
                found = (await connection.execute(query)).mappings().all()
            if not found:
                return
            yield [LogPart(row["attempt"], row["at"], row["lines"]) for row in found]
            last = (found[-1]["attempt"], found[-1]["sequence"])

    async def _all(self, *where: Any) -> list[StoredJob]:
        async with self._engine.connect() as connection:
            rows = (await connection.execute(select(jobs).where(*where).order_by(jobs.c.id))).mappings().all()
        return [_job(row) for row in rows]


def as_job(stored: StoredJob, position: int = 0) -> Job:
    """Return a job as the desk sees it."""
    return Job(stored.id, stored.request, stored.life.state, stored.queued_at, position)


def _columns(life: Life) -> dict[str, Any]:
    lease, progress = life.lease, life.progress
    return {
        "state": life.state.value,
        "attempt": life.attempt,
        "infra_retries": life.infra_retries,
        "hand_backs": life.hand_backs,
        "not_before": life.not_before,
        "message": life.message,
        "progress_share": progress.share if progress else None,
        "progress_stage": progress.stage if progress else "",
        "outcome": json.dumps(outcome_to_data(life.outcome)) if life.outcome else "",
        "lease_worker": lease.worker if lease else "",
        "lease_secret_digest": lease.secret_digest if lease else "",
        "lease_since": lease.since if lease else None,
        "lease_heard_at": lease.heard_at if lease else None,
        "lease_deadline": lease.deadline if lease else None,
        "lease_sequence": lease.sequence if lease else 0,
    }


def _life(row: RowMapping) -> Life:
    lease = None
    if row["lease_worker"]:
        lease = Lease(
            row["lease_worker"],
            row["lease_secret_digest"],
            row["lease_since"],
            row["lease_heard_at"],
            row["lease_deadline"],
            row["lease_sequence"],
        )
    share = row["progress_share"]
    outcome: Outcome | None = outcome_from_data(json.loads(row["outcome"])) if row["outcome"] else None
    return Life(
        JobState(row["state"]),
        row["attempt"],
        row["infra_retries"],
        row["hand_backs"],
        lease,
        row["not_before"],
        row["message"],
        Progress(share, row["progress_stage"]) if share is not None else None,
        outcome,
    )


def _job(row: RowMapping) -> StoredJob:
    request = JobRequest(
        row["repository_id"],
        row["number"],
        JobKind(row["kind"]),
        Sha(row["head_sha"]),
        row["asked_by_id"],
        Login(row["asked_by"]),
        row["source"],
    )
    return StoredJob(
        row["id"],
        request,
        row["queue"],
        row["priority"],
        row["queued_at"],
        _life(row),
        row["sent_at"],
        row["check_run_id"],
        row["finished_at"],
        row["revision"],
        row["gpu_s"],
        row["due_at"],
    )
