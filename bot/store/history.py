"""How pull requests moved through the workflow, and how long people wait for us: measured, not promised."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import chores, state_changes
from bot.workflow import State

_WAITS_FOR_TRIAGE = frozenset({State.NEEDED.value, State.FOLLOW_UP.value})


@dataclass(frozen=True, slots=True)
class StateChange:
    """One move. `actor` is empty for the bot's own."""

    repository_id: int
    number: int
    at: datetime
    source: str
    target: str
    trigger: str
    actor: str = ""


class History:
    """Reads and writes moves, and when regular pieces of work were last done."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def add(self, changes: list[StateChange]) -> None:
        """Write moves down."""
        if changes:
            async with self._engine.begin() as connection:
                await connection.execute(insert(state_changes), [asdict(change) for change in changes])

    async def of_pull(self, repository_id: int, number: int) -> list[StateChange]:
        """Return the moves of a pull request, oldest first."""
        query = (
            select(state_changes)
            .where(state_changes.c.repository_id == repository_id, state_changes.c.number == number)
            .order_by(state_changes.c.id)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [StateChange(**{k: v for k, v in row.items() if k != "id"}) for row in rows]

    async def median_wait(self, repository_id: int, since: datetime) -> timedelta | None:
        """Return how long pull requests waited for a person of triage since a moment; None while none has.

        A wait begins when a pull request comes to wait for triage, and ends when a person moves it on.
        """
        query = (
            select(state_changes)
            .where(state_changes.c.repository_id == repository_id, state_changes.c.at >= since)
            .order_by(state_changes.c.id)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        began: dict[int, datetime] = {}
        waits: list[float] = []
        for row in rows:
            number = row["number"]
            if row["target"] in _WAITS_FOR_TRIAGE:
                began.setdefault(number, row["at"])
            elif number in began:
                start = began.pop(number)
                if row["actor"]:
                    waits.append((row["at"] - start).total_seconds())
        return timedelta(seconds=statistics.median(waits)) if waits else None

    async def last_done(self, repository_id: int, chore: str) -> datetime | None:
        """Return when a regular piece of work was last done."""
        query = select(chores.c.done_at).where(chores.c.repository_id == repository_id, chores.c.name == chore)
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def done_since_ever(self, repository_id: int, prefix: str) -> dict[str, datetime]:
        """Return when each of several pieces of work was last done, by what follows `prefix` in its name."""
        query = select(chores.c.name, chores.c.done_at).where(
            chores.c.repository_id == repository_id, chores.c.name.startswith(prefix, autoescape=True)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        return {str(name).removeprefix(prefix): done_at for name, done_at in rows}

    async def note_done(self, repository_id: int, chore: str, at: datetime) -> None:
        """Remember that a regular piece of work is done."""
        statement = (
            self._insert(chores)
            .values(repository_id=repository_id, name=chore, done_at=at)
            .on_conflict_do_update(index_elements=["repository_id", "name"], set_={"done_at": at})
        )
        async with self._engine.begin() as connection:
            await connection.execute(statement)
