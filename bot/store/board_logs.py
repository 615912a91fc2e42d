"""What live logs ask the database: how far each log is, and the parts of it that somebody has not seen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.jobs import JobState
from bot.store.job_logs import LogPart
from bot.store.tables import job_reports, jobs

Key = tuple[int, int]  # attempt and sequence: what names one part of a log

_R = job_reports.c
_AT_ONCE = 200  # jobs of one query
_KEYS = 500
_PARTS = 20


@dataclass(frozen=True, slots=True)
class Pulse:
    """Whether something has happened to a job: its revision grows with whatever does."""

    revision: int
    is_over: bool


@dataclass(frozen=True, slots=True)
class AttemptTold:
    """What one attempt has told: how often, from when to when."""

    attempt: int
    count: int
    first_at: datetime
    last_at: datetime


class BoardLogs:
    """Reads logs for those who watch them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def pulses(self, job_ids: Sequence[int]) -> dict[int, Pulse]:
        """Return how each of several jobs stands; those that are gone are missing."""
        found: dict[int, Pulse] = {}
        going = (JobState.QUEUED.value, JobState.RUNNING.value)
        async with self._engine.connect() as connection:
            for first in range(0, len(job_ids), _AT_ONCE):
                some = job_ids[first : first + _AT_ONCE]
                query = select(jobs.c.id, jobs.c.revision, jobs.c.state).where(jobs.c.id.in_(some))
                for job_id, revision, state in await connection.execute(query):
                    found[job_id] = Pulse(revision, state not in going)
        return found

    async def keys_after(self, job_id: int, after: Key) -> list[Key]:
        """Return the names of the parts that come after one, in order; some at a time."""
        later = tuple_(_R.attempt, _R.sequence) > tuple_(*(literal(number) for number in after))
        query = select(_R.attempt, _R.sequence).where(_R.job_id == job_id, later)
        async with self._engine.connect() as connection:
            rows = await connection.execute(query.order_by(_R.attempt, _R.sequence).limit(_KEYS))
            return [(int(attempt), int(sequence)) for attempt, sequence in rows]

    async def newest_keys(self, job_id: int, most: int) -> list[Key]:
        """Return the names of the newest parts, in order."""
        query = select(_R.attempt, _R.sequence).where(_R.job_id == job_id)
        newest = query.order_by(_R.attempt.desc(), _R.sequence.desc()).limit(most)
        async with self._engine.connect() as connection:
            found = [(int(attempt), int(sequence)) for attempt, sequence in await connection.execute(newest)]
        return found[::-1]

    async def parts(self, job_id: int, keys: Collection[Key]) -> list[LogPart]:
        """Return the first of several parts, in order: few, for each may be large."""
        named = sorted(keys)[:_PARTS]
        if not named:
            return []
        by_attempt: dict[int, list[int]] = {}
        for attempt, sequence in named:
            by_attempt.setdefault(attempt, []).append(sequence)
        found: list[LogPart] = []
        async with self._engine.connect() as connection:
            for attempt, sequences in by_attempt.items():
                its = (_R.job_id == job_id, _R.attempt == attempt, _R.sequence.in_(sequences))
                rows = (await connection.execute(select(job_reports).where(*its).order_by(_R.sequence))).mappings()
                found += [LogPart(row["attempt"], row["sequence"], row["at"], row["lines"]) for row in rows]
        return found

    async def attempts(self, job_id: int) -> list[AttemptTold]:
        """Return what each attempt has told, oldest first."""
        told = (_R.attempt, func.count(), func.min(_R.at, type_=_R.at.type), func.max(_R.at, type_=_R.at.type))
        query = select(*told).where(_R.job_id == job_id).group_by(_R.attempt).order_by(_R.attempt)
        async with self._engine.connect() as connection:
            return [AttemptTold(*row) for row in await connection.execute(query)]
