"""Readings of pull requests, of their last few heads, and at which of them each reader last looked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.readings import Reading, ReadingUnreadableError, packed, unpacked
from bot.store.tables import last_looks, readings

KEPT_HEADS = 5


@dataclass(frozen=True, slots=True)
class ReadHead:
    """A head of which a reading is kept."""

    sha: str
    read_at: datetime


@dataclass(frozen=True, slots=True)
class LastLook:
    """At which commit somebody last looked, and when."""

    head_sha: str
    looked_at: datetime


class ReadingStore:
    """Reads and writes both."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def save(self, repository_id: int, number: int, reading: Reading, at: datetime) -> None:
        """Keep a reading in place of an older one of that head; of the pull request the last heads only."""
        key = {"repository_id": repository_id, "number": number, "head_sha": reading.head_sha}
        kept = {"read_at": at, "sheet": packed(reading)}
        of_pull = (readings.c.repository_id == repository_id, readings.c.number == number)
        newest = (
            select(readings.c.head_sha)
            .where(*of_pull)
            .order_by(readings.c.read_at.desc(), readings.c.head_sha)
            .limit(KEPT_HEADS)
        )
        async with self._engine.begin() as connection:
            await connection.execute(
                self._insert(readings).values(key | kept).on_conflict_do_update(index_elements=list(key), set_=kept)
            )
            await connection.execute(
                delete(readings).where(*of_pull, readings.c.head_sha.not_in(newest.scalar_subquery()))
            )

    async def get(self, repository_id: int, number: int, head_sha: str) -> Reading | None:
        """Return the reading of a head; None where none is kept, or none that this version can read."""
        query = select(readings.c.sheet).where(
            readings.c.repository_id == repository_id,
            readings.c.number == number,
            readings.c.head_sha == head_sha,
        )
        async with self._engine.connect() as connection:
            sheet = (await connection.execute(query)).scalar_one_or_none()
        try:
            return unpacked(sheet) if sheet is not None else None
        except ReadingUnreadableError:
            return None

    async def heads(self, repository_id: int, number: int) -> Sequence[ReadHead]:
        """Return the heads of which a reading is kept, newest first."""
        query = (
            select(readings.c.head_sha, readings.c.read_at)
            .where(readings.c.repository_id == repository_id, readings.c.number == number)
            .order_by(readings.c.read_at.desc(), readings.c.head_sha)
        )
        async with self._engine.connect() as connection:
            return [ReadHead(row.head_sha, row.read_at) for row in await connection.execute(query)]

    async def last_look(self, user_id: int, repository_id: int, number: int) -> LastLook | None:
        """Return at what somebody last looked."""
        query = select(last_looks.c.head_sha, last_looks.c.looked_at).where(
            last_looks.c.user_id == user_id,
            last_looks.c.repository_id == repository_id,
            last_looks.c.number == number,
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return LastLook(row.head_sha, row.looked_at) if row else None

    async def note_look(self, user_id: int, repository_id: int, number: int, look: LastLook) -> None:
        """Remember at what somebody looks now."""
        key = {"user_id": user_id, "repository_id": repository_id, "number": number}
        seen = {"head_sha": look.head_sha, "looked_at": look.looked_at}
        statement = (
            self._insert(last_looks).values(key | seen).on_conflict_do_update(index_elements=list(key), set_=seen)
        )
        async with self._engine.begin() as connection:
            await connection.execute(statement)

    async def forget(self, before: datetime) -> int:
        """Forget pull requests that were last judged before a moment, and looks from then. Return how many rows."""
        old = (
            select(readings.c.repository_id, readings.c.number)
            .group_by(readings.c.repository_id, readings.c.number)
            .having(func.max(readings.c.read_at) < before)
        )
        async with self._engine.begin() as connection:
            gone = await connection.execute(
                delete(readings).where(tuple_(readings.c.repository_id, readings.c.number).in_(old))
            )
            looks = await connection.execute(delete(last_looks).where(last_looks.c.looked_at < before))
        return int(gone.rowcount) + int(looks.rowcount)
