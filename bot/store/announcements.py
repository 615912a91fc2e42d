"""What was said unasked about builds: whoever is about to say something claims it, so that nobody says it twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import announcements

PATIENCE = timedelta(minutes=10)  # with somebody who has claimed something and died before saying it
_MINE = announcements.c


@dataclass(frozen=True, slots=True)
class Announcement:
    """Something said. `reference` is such as the number of the issue where, `gist` what was said, in a line."""

    topic: str
    made_at: datetime
    reference: int = 0
    gist: str = ""


class AnnouncementStore:
    """Reads and writes announcements."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def claim(self, repository_id: int, topic: str, at: datetime) -> bool:
        """Return whether it is ours to say now: nobody has said it, and nobody is saying it.

        Whoever gets True says it in a way that finds out whether it stands there already, and then calls `made`
        or `leave`.
        """
        statement = (
            self._insert(announcements)
            .values(repository_id=repository_id, topic=topic, claimed_at=at)
            .on_conflict_do_update(
                index_elements=["repository_id", "topic"],
                set_={"claimed_at": at},
                where=_MINE.made_at.is_(None) & (_MINE.claimed_at <= at - PATIENCE),
            )
            .returning(_MINE.topic)
        )
        async with self._engine.begin() as connection:
            return (await connection.execute(statement)).scalar_one_or_none() is not None

    async def made(self, repository_id: int, topic: str, at: datetime, reference: int = 0, gist: str = "") -> None:
        """Write down that it is said; said before, what is written down is brought up to date."""
        values = {"claimed_at": at, "made_at": at, "reference": reference, "gist": gist}
        statement = (
            self._insert(announcements)
            .values(repository_id=repository_id, topic=topic, **values)
            .on_conflict_do_update(index_elements=["repository_id", "topic"], set_=values)
        )
        async with self._engine.begin() as connection:
            await connection.execute(statement)

    async def leave(self, repository_id: int, topic: str) -> None:
        """Give a claim back: it could not be said."""
        where = (_MINE.repository_id == repository_id, _MINE.topic == topic, _MINE.made_at.is_(None))
        async with self._engine.begin() as connection:
            await connection.execute(delete(announcements).where(*where))

    async def forget(self, repository_id: int, topic: str) -> None:
        """Forget that it was said: it is no longer there."""
        where = (_MINE.repository_id == repository_id, _MINE.topic == topic)
        async with self._engine.begin() as connection:
            await connection.execute(delete(announcements).where(*where))

    async def of(self, repository_id: int, topic: str) -> Announcement | None:
        """Return what was said about a topic."""
        return (await self.of_all(repository_id, (topic,))).get(topic)

    async def of_all(self, repository_id: int, topics: Iterable[str]) -> dict[str, Announcement]:
        """Return what was said about some topics, by topic."""
        query = select(announcements).where(
            _MINE.repository_id == repository_id, _MINE.topic.in_([*topics]), _MINE.made_at.is_not(None)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return {
            row["topic"]: Announcement(row["topic"], row["made_at"], row["reference"], row["gist"]) for row in rows
        }
