"""Webhook deliveries: each is one row, on disk before it is answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import deliveries

_AT_ONCE = 500  # rows that are deleted in one transaction


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    RECEIVED = "received"
    DONE = "done"
    FAILED = "failed"  # given up; `error` says why


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook as it came, verified. `subject` orders it among others: "REPOSITORY" or "REPOSITORY#NUMBER"."""

    guid: str
    event: str
    repository_id: int
    subject: str
    payload: bytes
    received_at: datetime
    id: int = 0
    attempts: int = 0
    state: DeliveryState = DeliveryState.RECEIVED  # DONE from the start when there is nothing to do

    def tried(self, attempts: int) -> Delivery:
        """Return the delivery after that many attempts that failed."""
        return replace(self, attempts=attempts)


class DeliveryStore:
    """Reads and writes deliveries."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        self._insert = insert(deliveries).on_conflict_do_nothing(index_elements=["guid"])

    async def add(self, batch: Sequence[Delivery]) -> None:
        """Store all of `batch` in one commit.

        A GUID that is there already is left as it is, unless it was given up: sent again, it is tried again.
        """
        rows = [
            {
                "guid": d.guid,
                "event": d.event,
                "repository_id": d.repository_id,
                "subject": d.subject,
                "payload": d.payload,
                "state": d.state.value,
                "attempts": 0,
                "error": "",
                "received_at": d.received_at,
                "finished_at": None if d.state is DeliveryState.RECEIVED else d.received_at,
            }
            for d in batch
        ]
        async with self._engine.begin() as connection:
            stored = await connection.execute(self._insert, rows)
            if stored.rowcount != len(rows):  # some are here already; PostgreSQL does not tell
                given_up = deliveries.c.state == DeliveryState.FAILED.value
                guids = deliveries.c.guid.in_([d.guid for d in batch])
                gone = await connection.execute(delete(deliveries).where(given_up, guids))
                if gone.rowcount:
                    await connection.execute(self._insert, rows)

    async def waiting(self, *, after_id: int, limit: int) -> list[Delivery]:
        """Return received deliveries with a higher id than `after_id`, oldest first."""
        query = (
            select(deliveries)
            .where(deliveries.c.state == DeliveryState.RECEIVED.value, deliveries.c.id > after_id)
            .order_by(deliveries.c.id)
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [
            Delivery(
                guid=row["guid"],
                event=row["event"],
                repository_id=row["repository_id"],
                subject=row["subject"],
                payload=row["payload"],
                received_at=row["received_at"],
                id=row["id"],
                attempts=row["attempts"],
            )
            for row in rows
        ]

    async def finish(self, ids: Sequence[int], state: DeliveryState, at: datetime, error: str = "") -> None:
        """Mark deliveries as done or given up. Of a done one only the fact is kept, not what stood in it."""
        values: dict[str, object] = {"state": state.value, "finished_at": at, "error": error}
        if state is DeliveryState.DONE:
            values["payload"] = b""
        async with self._engine.begin() as connection:
            await connection.execute(
                update(deliveries)
                .where(deliveries.c.id.in_(ids))
                .values(values | {"attempts": deliveries.c.attempts + 1})
            )

    async def forget(self, finished_before: datetime) -> int:
        """Delete what was done or given up before a moment; return how many, some at a time."""
        is_over = deliveries.c.state.in_((DeliveryState.DONE.value, DeliveryState.FAILED.value))
        some = select(deliveries.c.id).where(is_over, deliveries.c.finished_at < finished_before).limit(_AT_ONCE)
        count = 0
        while True:
            async with self._engine.begin() as connection:
                found = (await connection.execute(some)).scalars().all()
                await connection.execute(delete(deliveries).where(deliveries.c.id.in_(found), is_over))
            count += len(found)
            if len(found) < _AT_ONCE:
                return count

    async def count_attempt(self, ids: Sequence[int], error: str) -> None:
        """Remember that a try failed and why; the deliveries stay claimable."""
        async with self._engine.begin() as connection:
            await connection.execute(
                update(deliveries)
                .where(deliveries.c.id.in_(ids))
                .values(attempts=deliveries.c.attempts + 1, error=error)
            )
