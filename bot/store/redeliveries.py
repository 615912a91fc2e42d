"""Deliveries that never reached us, and how often GitHub was asked to send each again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import deliveries, redeliveries


@dataclass(frozen=True, slots=True)
class Missed:
    """A delivery that we do not have. `sending_id` is what GitHub calls one try to send it."""

    guid: str
    sending_id: int
    event: str
    repository_id: int
    sent_at: datetime
    asked: int = 0  # how often we asked for it


class RedeliveryStore:
    """Reads and writes what is missing."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        self._insert = insert(redeliveries).on_conflict_do_nothing(index_elements=["guid"])

    async def known(self, guids: Collection[str]) -> set[str]:
        """Return which of these deliveries are stored."""
        query = select(deliveries.c.guid).where(deliveries.c.guid.in_(guids))
        async with self._engine.connect() as connection:
            return set((await connection.execute(query)).scalars())

    async def note(self, missed: Sequence[Missed], now: datetime) -> None:
        """Remember what is missing, to be asked for from now on; what is remembered already stays as it is."""
        rows = [
            {
                "guid": m.guid,
                "sending_id": m.sending_id,
                "event": m.event,
                "repository_id": m.repository_id,
                "sent_at": m.sent_at,
                "asked": m.asked,
                "ask_at": now,
            }
            for m in missed
        ]
        if rows:
            async with self._engine.begin() as connection:
                await connection.execute(self._insert, rows)

    async def due(self, now: datetime, *, sent_after: datetime, asked_below: int, limit: int) -> list[Missed]:
        """Return what is still missing and to be asked for now, oldest first."""
        query = (
            select(redeliveries)
            .where(
                redeliveries.c.ask_at <= now,
                redeliveries.c.sent_at > sent_after,
                redeliveries.c.asked < asked_below,
                redeliveries.c.guid.not_in(select(deliveries.c.guid)),
            )
            .order_by(redeliveries.c.sent_at, redeliveries.c.sending_id)
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [Missed(**{name: value for name, value in row.items() if name != "ask_at"}) for row in rows]

    async def claim(self, missed: Missed, *, asked: int, ask_again_at: datetime) -> bool:
        """Note that it is being asked for, before it is; False when somebody else just did."""
        statement = (
            update(redeliveries)
            .where(redeliveries.c.guid == missed.guid, redeliveries.c.asked == missed.asked)
            .values(asked=asked, ask_at=ask_again_at)
        )
        async with self._engine.begin() as connection:
            return (await connection.execute(statement)).rowcount == 1

    async def forget(self, sent_before: datetime) -> None:
        """Delete what GitHub no longer sends."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(redeliveries).where(redeliveries.c.sent_at < sent_before))
