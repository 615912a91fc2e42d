"""The replicas that share a database: who is alive, and what only one of them does at a time.

A replica that is not heard of for some time loses everything it holds in one transaction: its deliveries, its
leases and its id, which nobody is given again. The database's clock decides, so it is no matter how theirs go.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.store.tables import deliveries, leases, replicas

_TAKE = text(
    "WITH me AS (SELECT id FROM replicas WHERE id = :replica FOR KEY SHARE) "
    "INSERT INTO leases (name, replica_id, since) SELECT CAST(:name AS varchar), id, clock_timestamp() FROM me "
    "ON CONFLICT (name) DO UPDATE SET since = leases.since WHERE leases.replica_id = excluded.replica_id "
    "RETURNING name"
)


class ReplicaLostError(Exception):
    """The others took this replica for dead: whatever it held may be in other hands."""


@dataclass(frozen=True, slots=True)
class Evicted:
    """A replica that was not heard of for too long."""

    id: int
    name: str


class ReplicaStore:
    """Reads and writes replicas and leases. On SQLite there is one process only: whoever joins is alone."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.is_shared = engine.dialect.name == "postgresql"

    async def join(self, name: str, silence_s: float) -> int:
        """Become a replica that is believed to be alive for so long. Return its id."""
        async with self._engine.begin() as connection:
            if not self.is_shared:
                await self._evict(
                    connection, (await connection.execute(select(replicas.c.id, replicas.c.name))).all()
                )
            statement = insert(replicas).values(name=name[:100], since=self._in(0), until=self._in(silence_s))
            return int((await connection.execute(statement.returning(replicas.c.id))).scalar_one())

    async def renew(self, replica_id: int, silence_s: float) -> None:
        """Be believed for so long from now. Raises ReplicaLostError when the others have stopped believing."""
        statement = update(replicas).where(replicas.c.id == replica_id).values(until=self._in(silence_s))
        async with self._engine.begin() as connection:
            if not (await connection.execute(statement)).rowcount:
                raise ReplicaLostError

    async def evict_silent(self, replica_id: int) -> list[Evicted]:
        """Take everything from those that were not heard of for too long, this one aside. Return who they were."""
        silent = (replicas.c.until < self._in(0)) & (replicas.c.id != replica_id)
        statement = delete(replicas).where(silent).returning(replicas.c.id, replicas.c.name)
        async with self._engine.begin() as connection:
            return await self._evict(connection, (await connection.execute(statement)).all())

    async def leave(self, replica_id: int) -> None:
        """Give everything back."""
        statement = delete(replicas).where(replicas.c.id == replica_id).returning(replicas.c.id, replicas.c.name)
        async with self._engine.begin() as connection:
            await self._evict(connection, (await connection.execute(statement)).all())

    async def count(self) -> int:
        """Return how many there are."""
        async with self._engine.connect() as connection:
            return int((await connection.execute(select(func.count()).select_from(replicas))).scalar_one())

    async def take(self, name: str, replica_id: int) -> bool:
        """Return whether a lease is this replica's now. For PostgreSQL only."""
        async with self._engine.begin() as connection:
            taken = await connection.execute(_TAKE, {"name": name, "replica": replica_id})
            return taken.scalar_one_or_none() is not None

    async def give(self, name: str, replica_id: int) -> None:
        """Give a lease back, if it still is this replica's."""
        mine = (leases.c.name == name) & (leases.c.replica_id == replica_id)
        async with self._engine.begin() as connection:
            await connection.execute(delete(leases).where(mine))

    def _in(self, seconds: float) -> Any:
        """Return a moment by the database's clock; on SQLite, where nobody ever compares it, by ours."""
        if not self.is_shared:
            return datetime.now(UTC) + timedelta(seconds=seconds)
        return func.clock_timestamp() + timedelta(seconds=seconds)

    async def _evict(self, connection: AsyncConnection, rows: Any) -> list[Evicted]:
        found: list[Row[Any]] = list(rows)
        ids = [row.id for row in found]
        if ids:
            await connection.execute(delete(replicas).where(replicas.c.id.in_(ids)))
            await connection.execute(
                update(deliveries).where(deliveries.c.claimed_by.in_(ids)).values(claimed_by=None)
            )
            await connection.execute(delete(leases).where(leases.c.replica_id.in_(ids)))
        return [Evicted(row.id, row.name) for row in found]


async def hold_fast(connection: AsyncConnection, replica_id: int) -> None:
    """Keep a replica from being taken for dead until this transaction ends. Raises ReplicaLostError."""
    query = select(replicas.c.id).where(replicas.c.id == replica_id).with_for_update(read=True, key_share=True)
    if (await connection.execute(query)).scalar_one_or_none() is None:
        raise ReplicaLostError
