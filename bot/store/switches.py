"""What an operator has switched: it holds for every process, and outlives them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import switches

GPU_PAUSED = "gpu paused"


class Switches:
    """Reads and writes switches; one that was never set is off."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def is_on(self, name: str) -> bool:
        """Return how a switch stands."""
        query = select(switches.c.is_on).where(switches.c.name == name)
        async with self._engine.connect() as connection:
            return bool((await connection.execute(query)).scalar_one_or_none())

    async def set(self, name: str, at: datetime, *, on: bool) -> None:
        """Set a switch."""
        statement = (
            self._insert(switches)
            .values(name=name, is_on=on, at=at)
            .on_conflict_do_update(index_elements=["name"], set_={"is_on": on, "at": at})
        )
        async with self._engine.begin() as connection:
            await connection.execute(statement)
