"""A copy of the database in memory, brought to this version's schema: what is tried on it touches nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.store.address import DatabaseError, driver_url
from bot.store.database import migrate, open_engine, revision_of

_MEMORY = "sqlite+aiosqlite:///:memory:"
_AT_ONCE = 500  # rows

# what decisions about pull requests are made from
_COPIED = frozenset(
    {
        "approvals",
        "chores",
        "heads",
        "jobs",
        "leaves",
        "merge_requests",
        "passages",
        "pardons",
        "pull_requests",
        "reminders",
        "repositories",
        "rule_hits",
        "rule_starts",
        "state_changes",
    }
)

_Rows = Sequence[Mapping[str, Any]]


@asynccontextmanager
async def copied(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Give a copy of what is known of pull requests; an empty one where there is no database yet.

    The database itself is only read, at whichever revision it is. Raises DatabaseError when it cannot be, or when
    a newer version has made it.
    """
    revision, tables = await _read(database_url)
    copy = open_engine(_MEMORY)
    try:
        if revision is not None:
            await migrate(copy, revision)
            async with copy.begin() as connection:
                await connection.run_sync(_fill, tables)
        await migrate(copy)
        yield copy
    finally:
        await copy.dispose()


async def _read(database_url: str) -> tuple[str | None, dict[str, _Rows]]:
    url = driver_url(database_url)
    is_file = url.get_backend_name() == "sqlite"
    if is_file:
        if not await asyncio.to_thread(Path(url.database or "").is_file):
            return None, {}
        url = url.set(database=f"file:{url.database}", query={"mode": "ro", "uri": "true"})
    engine = create_async_engine(url, poolclass=sa.NullPool, hide_parameters=True)
    try:
        async with engine.connect() as connection:
            if not is_file:
                await connection.execute(sa.text("SET TRANSACTION READ ONLY"))
            return await connection.run_sync(_told)
    except (OSError, DBAPIError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise DatabaseError(f"The database cannot be read: {reason}. Is it running, and may you read it?") from None
    finally:
        await engine.dispose()


def _told(connection: sa.Connection) -> tuple[str | None, dict[str, _Rows]]:
    revision = revision_of(connection)
    if revision is None:
        return None, {}
    found = sa.MetaData()
    found.reflect(connection, only=lambda name, _: name in _COPIED)
    return revision, {
        table.name: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
        for table in found.sorted_tables
    }


def _fill(connection: sa.Connection, tables: Mapping[str, _Rows]) -> None:
    found = sa.MetaData()
    found.reflect(connection, only=list(tables))
    for name, rows in tables.items():
        for start in range(0, len(rows), _AT_ONCE):
            connection.execute(sa.insert(found.tables[name]), rows[start : start + _AT_ONCE])
