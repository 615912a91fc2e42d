"""Commands for many pull requests: what was shown, under which code, to whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import batches
from checks.contribution import Sha


@dataclass(frozen=True, slots=True)
class Batch:
    """One command for several pull requests, each with the commit that was shown; it was asked for on `number`."""

    repository_id: int
    code: str
    number: int
    actor_id: int
    command: str
    targets: tuple[tuple[int, Sha], ...]
    at: datetime
    done_at: datetime | None = None


class BatchStore:
    """Reads and writes batches."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def add(self, batch: Batch) -> bool:
        """Write a batch down. Return False, with nothing written, when its code is taken."""
        values = {
            "repository_id": batch.repository_id,
            "code": batch.code,
            "number": batch.number,
            "actor_id": batch.actor_id,
            "command": batch.command,
            "targets": " ".join(f"{number}:{sha}" for number, sha in batch.targets),
            "at": batch.at,
        }
        async with self._engine.begin() as connection:
            result = await connection.execute(self._insert(batches).values(values).on_conflict_do_nothing())
        return bool(result.rowcount)

    async def get(self, repository_id: int, code: str) -> Batch | None:
        """Return the batch with this code, done or not."""
        query = select(batches).where(batches.c.repository_id == repository_id, batches.c.code == code)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            return None
        pairs = (target.split(":") for target in row["targets"].split())
        return Batch(**{**row, "targets": tuple((int(number), Sha(sha)) for number, sha in pairs)})

    async def finish(self, repository_id: int, code: str, at: datetime) -> None:
        """Mark a batch as done; the first time counts."""
        where = (batches.c.repository_id == repository_id, batches.c.code == code, batches.c.done_at.is_(None))
        async with self._engine.begin() as connection:
            await connection.execute(update(batches).where(*where).values(done_at=at))
