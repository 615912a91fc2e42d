"""Leaves that no build takes in until somebody lifts it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.leaves import as_kept
from bot.store.tables import quarantined_leaves

_MINE = quarantined_leaves.c


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Why a leaf is kept out of builds, by whom and since when."""

    leaf: str  # as the database keeps it: see `as_kept`
    reason: str
    set_by: str
    set_at: datetime


class QuarantineStore:
    """Reads and writes quarantines."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def put(self, repository_id: int, leaf: str, reason: str, by: str, at: datetime) -> None:
        """Keep a leaf out of builds. One that is kept out already stays as it was set."""
        values = {"reason": reason, "set_by": by[:64], "set_at": at, "lifted_by": "", "lifted_at": None}
        statement = (
            self._insert(quarantined_leaves)
            .values(repository_id=repository_id, leaf=as_kept(leaf), **values)
            .on_conflict_do_update(
                index_elements=["repository_id", "leaf"], set_=values, where=_MINE.lifted_at.is_not(None)
            )
        )
        async with self._engine.begin() as connection:
            await connection.execute(statement)

    async def lift(self, repository_id: int, leaf: str, by: str, at: datetime) -> bool:
        """Let builds take a leaf in again. Return False where none was kept out."""
        where = (_MINE.repository_id == repository_id, _MINE.leaf == as_kept(leaf), _MINE.lifted_at.is_(None))
        async with self._engine.begin() as connection:
            result = await connection.execute(
                update(quarantined_leaves).where(*where).values(lifted_by=by[:64], lifted_at=at)
            )
        return bool(result.rowcount)

    async def standing(self, repository_id: int) -> Mapping[str, Quarantine]:
        """Return what is kept out now, by leaf as the database keeps it."""
        query = select(_MINE.leaf, _MINE.reason, _MINE.set_by, _MINE.set_at).where(
            _MINE.repository_id == repository_id, _MINE.lifted_at.is_(None)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return {row["leaf"]: Quarantine(**row) for row in rows}
