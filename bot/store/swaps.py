"""Measured swaps: how long workers took to load one model in place of another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from statistics import median

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import swaps
from pipeline.contract import Load, Swap

Direction = tuple[Load, Load]  # what was loaded, what came in its place

_NEWEST = 20
_LONGEST_S = 24 * 3600.0  # workers tell how long it took: beyond this nobody believes them


class SwapStore:
    """Keeps what workers measure."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def add(self, job_id: int, attempt: int, at: datetime, swap: Swap) -> None:
        """Keep the swap of an attempt, once."""
        values = {
            "job_id": job_id,
            "attempt": attempt,
            "at": at,
            "loaded_before": swap.before.value,
            "loaded_after": swap.after.value,
            "seconds": min(max(swap.seconds, 0.0), _LONGEST_S),
        }
        async with self._engine.begin() as connection:
            await connection.execute(self._insert(swaps).values(values).on_conflict_do_nothing())

    async def usual(self) -> Mapping[Direction, float]:
        """Return for each direction that was measured the median of its newest swaps, in seconds."""
        found: dict[Direction, float] = {}
        async with self._engine.connect() as connection:
            for before in Load:
                for after in (Load.TEACHER, Load.STUDENT):
                    query = (
                        select(swaps.c.seconds)
                        .where(swaps.c.loaded_before == before.value, swaps.c.loaded_after == after.value)
                        .order_by(swaps.c.at.desc())
                        .limit(_NEWEST)
                    )
                    seconds = (await connection.execute(query)).scalars().all()
                    if before is not after and seconds:
                        found[before, after] = median(seconds)
        return found
