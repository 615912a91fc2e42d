"""Deliveries for the pages: how many stand how, and some at a time, never with what stands in them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.deliveries import DeliveryState
from bot.store.tables import deliveries

COUNTED = 10_000  # of one state; more are only said to be more
_D = deliveries.c
_LONGEST_ERROR = 2_000  # characters
_SHOWN = (
    _D.id,
    _D.guid,
    _D.event,
    _D.subject,
    _D.state,
    _D.attempts,
    func.substr(_D.error, 1, _LONGEST_ERROR).label("error"),
    _D.received_at,
    _D.finished_at,
    _D.not_before,
    _D.claimed_by,
)


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery. `number` is the pull request's, 0 for the repository; `not_before` is set while it is put off."""

    id: int
    guid: str
    event: str
    number: int
    state: DeliveryState
    attempts: int
    error: str
    received_at: datetime
    finished_at: datetime | None
    not_before: datetime | None
    is_claimed: bool


class BoardDeliveries:
    """Reads the deliveries of one repository."""

    def __init__(self, engine: AsyncEngine, repository_id: int) -> None:
        self._engine = engine
        self._its = _D.repository_id == repository_id

    async def counts(self) -> dict[DeliveryState, int]:
        """Return how many there are in each state; COUNTED and one for more than COUNTED."""
        found = {}
        async with self._engine.connect() as connection:
            for state in DeliveryState:
                some = select(_D.id).where(self._its, _D.state == state.value).limit(COUNTED + 1).subquery()
                query = select(func.count()).select_from(some)
                found[state] = int((await connection.execute(query)).scalar_one())
        return found

    async def newest(
        self, states: Collection[DeliveryState], before: int, limit: int, beginning: str = ""
    ) -> list[DeliveryRow]:
        """Return deliveries, the newest first: before one (0: the newest of all), in some states (none: in all).

        `beginning` is how their GUIDs begin.
        """
        where: list[ColumnElement[bool]] = [self._its]
        if states:
            where.append(_D.state.in_([state.value for state in states]))
        if before:
            where.append(_D.id < before)
        if beginning:
            where.append(_D.guid.startswith(beginning, autoescape=True))
        query = select(*_SHOWN).where(*where).order_by(_D.id.desc()).limit(limit)
        async with self._engine.connect() as connection:
            return [_row(row) for row in (await connection.execute(query)).mappings()]


def _row(row: RowMapping) -> DeliveryRow:
    return DeliveryRow(
        row["id"],
        row["guid"],
        row["event"],
        int(row["subject"].partition("#")[2] or 0),
        DeliveryState(row["state"]),
        row["attempts"],
        row["error"],
        row["received_at"],
        row["finished_at"],
        row["not_before"],
        row["claimed_by"] is not None,
    )
