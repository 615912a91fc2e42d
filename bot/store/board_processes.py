"""Who shares the database, for the pages: the replicas, what each does alone, and what database it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.store.database import revision_of
from bot.store.tables import leases, replicas

_MOST = 200
_VERSIONS = {"sqlite": "SELECT sqlite_version()", "postgresql": "SHOW server_version"}
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """What only one replica does at a time, and since when this one does."""

    name: str
    since: datetime


@dataclass(frozen=True, slots=True)
class ReplicaRow:
    """A process of the bot. `is_silent`: it was not heard of for so long that the others take over.

    On SQLite there is one, and nobody asks until when it is believed to be alive.
    """

    id: int
    name: str
    since: datetime
    believed_until: datetime | None
    is_silent: bool
    leases: tuple[LeaseRow, ...]


@dataclass(frozen=True, slots=True)
class Processes:
    """All that share a database, and what database that is. `more_leases` are not listed."""

    database: str
    version: str
    schema: str
    is_shared: bool
    replicas: tuple[ReplicaRow, ...]
    more_leases: int


class BoardProcesses:
    """Reads who is alive."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def alive(self) -> Processes:
        """Return the replicas, the oldest first, as the database's own clock sees them."""
        kind = self._engine.dialect.name
        async with self._engine.connect() as connection:
            version = str((await connection.execute(text(_VERSIONS[kind]))).scalar_one())
            now = await _now(connection) if kind == "postgresql" else None
            members = (await connection.execute(select(replicas).order_by(replicas.c.id).limit(_MOST))).all()
            held = (await connection.execute(select(leases).order_by(leases.c.name).limit(_MOST))).all()
            count = int((await connection.execute(select(func.count()).select_from(leases))).scalar_one())
            schema = await connection.run_sync(revision_of)
        by_replica: dict[int, list[LeaseRow]] = {}
        for lease in held:
            by_replica.setdefault(lease.replica_id, []).append(LeaseRow(lease.name, lease.since))
        rows = tuple(
            ReplicaRow(
                id=one.id,
                name=one.name,
                since=one.since,
                believed_until=one.until if now is not None else None,
                is_silent=now is not None and one.until < now,
                leases=tuple(by_replica.get(one.id, ())),
            )
            for one in members
        )
        return Processes(_NAMES[kind], version, schema or "", kind == "postgresql", rows, count - len(held))


async def database_version(engine: AsyncEngine) -> str:
    """Return which database it is, with its version."""
    kind = engine.dialect.name
    async with engine.connect() as connection:
        return f"{_NAMES[kind]} {(await connection.execute(text(_VERSIONS[kind]))).scalar_one()}"


async def _now(connection: AsyncConnection) -> datetime:
    moment: datetime = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    return moment
