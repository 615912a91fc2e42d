"""Opening the database: engine, durability, migrations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import AsyncAdaptedQueuePool, Connection, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

_MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaError(Exception):
    """The database was made by a newer version of the bot: this one must not touch it."""


def open_engine(database_url: str) -> AsyncEngine:
    """Return an engine. SQLite runs in WAL mode and is on disk before a commit returns.

    SQLite gets a single connection: it has one writer at a time anyway, and callers that queue here wait far
    shorter than connections that meet a locked file, sleep and try again.
    """
    if make_url(database_url).get_backend_name() != "sqlite":
        return create_async_engine(database_url, hide_parameters=True)
    engine = create_async_engine(
        database_url, poolclass=AsyncAdaptedQueuePool, pool_size=1, max_overflow=0, hide_parameters=True
    )
    event.listen(engine.sync_engine, "connect", _durable_sqlite)
    return engine


def _durable_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


async def migrate(engine: AsyncEngine) -> None:
    """Bring the schema up to date. Raises SchemaError when the database is newer than this code."""
    async with engine.begin() as connection:
        await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    if current is not None and current not in known:
        raise SchemaError(
            f"The database has schema revision {current}, which this version does not know. "
            "It was written by a newer version: start that one, or restore a backup."
        )
    command.upgrade(config, "head")
