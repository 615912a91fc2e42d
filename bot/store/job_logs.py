"""The logs of jobs: what their workers told, some lines at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import delete, exists, literal, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.store.tables import job_reports, jobs

_AT_ONCE = 100  # logs that are deleted in one transaction


@dataclass(frozen=True, slots=True)
class LogPart:
    """Lines of the log of one attempt that reached us at once, in the report with this number."""

    attempt: int
    sequence: int
    at: datetime
    lines: str


class JobLogs:
    """Reads and writes logs."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        self._add = insert(job_reports).on_conflict_do_nothing()

    async def add(self, job_id: int, part: LogPart, connection: AsyncConnection | None = None) -> None:
        """Keep lines of a log; the same report is kept once. With a `connection` they belong to its transaction."""
        if connection is not None:
            await connection.execute(self._add, {"job_id": job_id, **asdict(part)})
            return
        async with self._engine.begin() as own:
            await self.add(job_id, part, own)

    async def of_job(self, job_id: int) -> list[str]:
        """Return the lines of a job's log, oldest first."""
        query = (
            select(job_reports.c.lines)
            .where(job_reports.c.job_id == job_id)
            .order_by(job_reports.c.attempt, job_reports.c.sequence)
        )
        async with self._engine.connect() as connection:
            found = (await connection.execute(query)).scalars().all()
        return [line for lines in found for line in lines.splitlines()]

    async def pages(self, job_id: int, rows: int = 200) -> AsyncIterator[list[LogPart]]:
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
            yield [LogPart(row["attempt"], row["sequence"], row["at"], row["lines"]) for row in found]
            last = (found[-1]["attempt"], found[-1]["sequence"])

    async def forget(self, finished_before: datetime) -> int:
        """Delete the logs of the jobs that were over before a moment; return of how many, some at a time."""
        has_log = exists().where(job_reports.c.job_id == jobs.c.id)
        some = select(jobs.c.id).where(jobs.c.finished_at < finished_before, has_log).limit(_AT_ONCE)
        count = 0
        while True:
            async with self._engine.begin() as connection:
                found = (await connection.execute(some)).scalars().all()
                await connection.execute(delete(job_reports).where(job_reports.c.job_id.in_(found)))
            count += len(found)
            if len(found) < _AT_ONCE:
                return count
