"""What an operator has switched: it holds for every process, and outlives them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import switches

GPU_PAUSED = "gpu paused"


@dataclass(frozen=True, slots=True)
class Switch:
    """How a switch stands, who set it so, and when; nobody knows of one that was never set."""

    is_on: bool = False
    set_by: str = ""
    at: datetime | None = None


class Switches:
    """Reads and writes switches; one that was never set is off."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def is_on(self, name: str) -> bool:
        """Return how a switch stands."""
        return (await self.get(name)).is_on

    async def get(self, name: str) -> Switch:
        """Return how a switch stands, and since when."""
        query = select(switches).where(switches.c.name == name)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return Switch(row["is_on"], row["set_by"], row["at"]) if row else Switch()

    async def set(self, name: str, at: datetime, *, on: bool, by: str = "") -> None:
        """Set a switch. One that stands so already keeps who set it, and when."""
        values = {"is_on": on, "at": at, "set_by": by[:64]}
        statement = (
            self._insert(switches)
            .values(name=name, **values)
            .on_conflict_do_update(index_elements=["name"], set_=values, where=switches.c.is_on.is_not(on))
        )
        async with self._engine.begin() as connection:
            await connection.execute(statement)
