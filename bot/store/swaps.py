"""Measured swaps: how long workers took to load one model in place of another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from statistics import median
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, select, union_all
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import swaps
from pipeline.contract import Load, Swap

Direction = tuple[Load, Load]  # what was loaded, what came in its place

_NEWEST = 20  # that a forecast reads, of each direction
_DIRECTIONS: tuple[Direction, ...] = tuple(
    (before, after) for before in Load for after in (Load.TEACHER, Load.STUDENT) if before is not after
)
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
        found: dict[Direction, list[float]] = {direction: [] for direction in _DIRECTIONS}
        async with self._engine.connect() as connection:
            for before, after, seconds in await connection.execute(_NEWEST_OF_ALL):
                found[Load(before), Load(after)].append(seconds)
        return {direction: median(seconds) for direction, seconds in found.items() if seconds}

    async def forget(self, measured_before: datetime) -> int:
        """Delete what was measured before a moment and is not among what `usual` reads; return how many."""
        count = 0
        async with self._engine.begin() as connection:
            for direction in _DIRECTIONS:
                newest = select(swaps.c.at).where(*_of(direction)).order_by(swaps.c.at.desc())
                needed_since = (await connection.execute(newest.offset(_NEWEST - 1).limit(1))).scalar_one_or_none()
                if needed_since is not None:
                    is_old = swaps.c.at < min(measured_before, needed_since)
                    count += (await connection.execute(delete(swaps).where(*_of(direction), is_old))).rowcount
        return count


def _of(direction: Direction) -> tuple[ColumnElement[bool], ...]:
    before, after = direction
    return swaps.c.loaded_before == before.value, swaps.c.loaded_after == after.value


def _newest(direction: Direction) -> Select[Any]:
    shown = (swaps.c.loaded_before, swaps.c.loaded_after, swaps.c.seconds)
    newest = select(*shown).where(*_of(direction)).order_by(swaps.c.at.desc()).limit(_NEWEST).subquery()
    return select(newest)


_NEWEST_OF_ALL = union_all(*map(_newest, _DIRECTIONS))
