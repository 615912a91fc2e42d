"""Opening the database: its connections, its durability, its migrations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.store.address import DatabaseError, driver_url
from bot.store.connections import InTurn
from bot.store.sqlite_connections import steady_connection

_MIGRATIONS = Path(__file__).parent / "migrations"
_CONNECT_WITHIN_S = 10
_ANSWER_WITHIN_S = 60  # of one statement: a server that has vanished must not hold a pull request for ever
_STANDS_STILL_MS = "10000"  # in the middle of a transaction; then PostgreSQL undoes it
_PREPARED = 500  # statements that a connection remembers, of some hundred that there are
_WAIT_S = 30  # for a connection, while all are in use
_MIGRATING = 7_305_891_220_046_152_109  # the lock that only one process of this program holds at a time


class SchemaError(DatabaseError):
    """The database was made by a newer version of the bot: this one must not touch it."""


def open_engine(database_url: str, connections: int = 10) -> AsyncEngine:
    """Return an engine. Nothing is connected yet. Raises DatabaseError when the address is of no use.

    PostgreSQL is asked over at most so many connections. SQLite runs in WAL mode and is on disk before a commit
    returns; it gets a single connection: it has one writer at a time anyway, and callers that queue here wait far
    shorter than connections that meet a locked file, sleep and try again.
    """
    url = driver_url(database_url)
    is_sqlite = url.get_backend_name() == "sqlite"
    limits: dict[str, Any] = {
        "timeout": _CONNECT_WITHIN_S,
        "command_timeout": _ANSWER_WITHIN_S,
        "prepared_statement_cache_size": _PREPARED,
        "server_settings": {
            "jit": "off",  # no question is so long that compiling it would pay
            "idle_in_transaction_session_timeout": _STANDS_STILL_MS,  # a bot that froze holds no locks for ever
        },
    }
    try:
        engine = create_async_engine(
            url,
            poolclass=InTurn,
            pool_size=1 if is_sqlite else connections,
            max_overflow=0,
            pool_timeout=_WAIT_S,
            connect_args={"async_creator_fn": steady_connection} if is_sqlite else limits,
            hide_parameters=True,
        )
    except ImportError:
        raise DatabaseError(
            'For PostgreSQL the extra has to be installed: pip install "taxonomy-bot[postgresql]"'
        ) from None
    if is_sqlite:
        event.listen(engine.sync_engine, "connect", _durable_sqlite)
    else:
        event.listen(engine.sync_engine, "checkout", _still_open)
    return engine


def reading_engine(engine: AsyncEngine) -> AsyncEngine:
    """Return an engine over the same connections for what only reads, a statement at a time.

    PostgreSQL is asked without a transaction around each statement: one errand to the server instead of three.
    """
    return engine if engine.dialect.name == "sqlite" else engine.execution_options(isolation_level="AUTOCOMMIT")


def _still_open(connection: Any, _record: Any, _proxy: Any) -> None:
    """Have a connection that the server has closed replaced, so that its restart is not noticed."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _durable_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def patient_engine(database_url: str) -> AsyncEngine:
    """Return an engine for one long piece of work: on PostgreSQL no statement's time is limited."""
    url = driver_url(database_url)
    if url.get_backend_name() == "sqlite":
        return open_engine(database_url, 1)
    open_engine(database_url)  # says what is missing where the driver is
    return create_async_engine(url, poolclass=NullPool, hide_parameters=True)


async def migrate(engine: AsyncEngine, revision: str = "head") -> None:
    """Bring the schema up to date: wholly, or not at all. One process does it at a time, the others wait.

    With a `revision`, an empty database is built as it was then.

    Raises DatabaseError when the database cannot be reached, and SchemaError when it is newer than this code.
    """
    async with connected(engine) as connection:
        current, newest = await connection.run_sync(_revisions)
    if current == newest:
        return
    if engine.dialect.name == "sqlite":
        await _migrate(engine, revision)
        return
    patient = create_async_engine(engine.url, poolclass=NullPool, hide_parameters=True)  # large tables take long
    try:
        await _migrate(patient, revision)
    finally:
        await patient.dispose()


async def standing_of(database_url: str) -> str:
    """Return a sentence for operators: where the database is, and how its schema stands. Raises DatabaseError."""
    url = driver_url(database_url)
    name = url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)
    if url.get_backend_name() == "sqlite" and not await asyncio.to_thread(Path(url.database or "").is_file):
        return f"Database: {name}, made at the first start."
    engine = open_engine(database_url, 1)
    try:
        async with connected(engine) as connection:
            current, newest = await connection.run_sync(_revisions)
    finally:
        await engine.dispose()
    if current == newest:
        return f"Database: {name}, schema {newest}."
    return f"Database: {name}, schema {current or 'not built yet'}; the next start brings it to {newest}."


async def _migrate(engine: AsyncEngine, revision: str) -> None:
    async with connected(engine) as connection, connection.begin():
        await connection.run_sync(_upgrade, revision)


@asynccontextmanager
async def connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Yield a connection. Raises DatabaseError when the database cannot be reached."""
    async with AsyncExitStack() as stack:
        try:
            connection = await stack.enter_async_context(engine.connect())
        except (OSError, TypeError, DBAPIError) as error:
            raise DatabaseError(
                f"The database cannot be reached: {error.orig if isinstance(error, DBAPIError) else error}. "
                "Is it running, and is its address right?"
            ) from None
        yield connection


def _upgrade(connection: Connection, revision: str) -> None:
    current, newest = _revisions(connection)
    if current == newest:
        return
    lock_schema(connection)
    current, newest = _revisions(connection)
    if current == newest:  # somebody else was quicker
        return
    climb(connection, revision)


def lock_schema(connection: Connection) -> None:
    """Begin a transaction in which nobody else migrates, nor, on SQLite, writes."""
    if connection.dialect.name == "sqlite":  # without this each step would be final by itself
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATING})


def climb(connection: Connection, revision: str = "head") -> None:
    """Run the migrations up to a revision, within the caller's transaction."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def known_revisions() -> frozenset[str]:
    """Return the revisions that this code can bring up to date."""
    return _known_revisions(_MIGRATIONS)[0]


def revision_of(connection: Connection) -> str | None:
    """Return the schema's revision, None for an empty database. Raises SchemaError for one of a newer version."""
    return _revisions(connection)[0]


def _revisions(connection: Connection) -> tuple[str | None, str | None]:
    """Return the schema's revision and the newest that this code knows. Raises SchemaError for an unknown one."""
    known, newest = _known_revisions(_MIGRATIONS)
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise SchemaError(
            f"The database has schema revision {current}, which this version does not know. "
            "It was written by a newer version: start that one, or restore a backup."
        )
    return current, newest


@cache
def _known_revisions(folder: Path) -> tuple[frozenset[str], str | None]:
    """Return the revisions that the migrations in a folder lead to, and the newest of them."""
    scripts = ScriptDirectory(str(folder))
    return frozenset(script.revision for script in scripts.walk_revisions()), scripts.get_current_head()
