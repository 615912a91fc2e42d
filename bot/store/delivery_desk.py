"""Deliveries as operators see them: what waits, what was given up, and how it is handled again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.deliveries import DeliveryState
from bot.store.tables import deliveries

_MINE = deliveries.c
_FEW = 2  # enough to see that a beginning is not clear


@dataclass(frozen=True, slots=True)
class Listed:
    """A delivery without what stands in it. `subject` is "REPOSITORY" or "REPOSITORY#NUMBER"."""

    id: int
    guid: str
    event: str
    repository_id: int
    subject: str
    state: DeliveryState
    attempts: int
    error: str
    received_at: datetime

    @property
    def number(self) -> int:
        """The pull request's number, 0 for the repository itself."""
        return int(self.subject.partition("#")[2] or 0)


class DeliveryDesk:
    """Reads deliveries, and lets those be handled again that are over."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def listed(self, states: Sequence[DeliveryState], limit: int) -> list[Listed]:
        """Return deliveries in some states, oldest first."""
        return await self._found(_MINE.state.in_([state.value for state in states]), limit)

    async def count(self, states: Sequence[DeliveryState]) -> int:
        """Return how many there are in some states."""
        query = select(func.count()).where(_MINE.state.in_([state.value for state in states]))
        async with self._engine.connect() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def not_over(self) -> tuple[int, int]:
        """Return how many wait or are being handled, and how many were given up."""
        states = (DeliveryState.RECEIVED.value, DeliveryState.FAILED.value)
        query = select(_MINE.state, func.count()).where(_MINE.state.in_(states)).group_by(_MINE.state)
        async with self._engine.connect() as connection:
            counts = {str(state): int(count) for state, count in await connection.execute(query)}
        return counts.get(states[0], 0), counts.get(states[1], 0)

    async def beginning_with(self, guid: str) -> list[Listed]:
        """Return the deliveries whose GUID begins so, two at most; a whole GUID is never doubtful."""
        exact = await self._found(_MINE.guid == guid, 1)
        return exact or await self._found(_MINE.guid.startswith(guid, autoescape=True), _FEW)

    async def called(self, repository_id: int, guid: str) -> Listed | None:
        """Return the delivery of a repository with that whole GUID."""
        found = await self._found((_MINE.guid == guid) & (_MINE.repository_id == repository_id), 1)
        return found[0] if found else None

    async def try_again(self, delivery: Listed) -> bool:
        """Let a delivery that was given up be claimed again, as if it had just come. Return False if it was not."""
        given_up = (_MINE.id == delivery.id) & (_MINE.state == DeliveryState.FAILED.value)
        fresh = {"state": DeliveryState.RECEIVED.value, "attempts": 0, "finished_at": None, "not_before": None}
        async with self._engine.begin() as connection:
            return (await connection.execute(update(deliveries).where(given_up).values(fresh))).rowcount > 0

    async def forget_done(self, delivery: Listed) -> bool:
        """Forget a delivery that was handled, so that it is new when it is sent again."""
        is_done = (_MINE.id == delivery.id) & (_MINE.state == DeliveryState.DONE.value)
        async with self._engine.begin() as connection:
            return (await connection.execute(delete(deliveries).where(is_done))).rowcount > 0

    async def _found(self, where: object, limit: int) -> list[Listed]:
        columns = [deliveries.c[name] for name in Listed.__dataclass_fields__]
        query = select(*columns).where(where).order_by(_MINE.id).limit(limit)  # type: ignore[arg-type]
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [Listed(**{**row, "state": DeliveryState(row["state"])}) for row in rows]
