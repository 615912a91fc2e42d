"""Connections to SQLite that survive the cancelling of whoever uses them, and leave nothing locked behind."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any, Self, TypeAlias

from aiosqlite import Connection

_ROWS_AT_ONCE = 64

_Came: TypeAlias = tuple[Any, list[Any], int, int | None]  # its columns, its rows, how many it changed, the new one


class _LetsGo(sqlite3.Connection):
    """Gives its locks back as soon as it is closed.

    A task that is cancelled in the middle of a statement has its connection closed, but its cursor lives on in a
    traceback: until that is collected, maybe minutes later, SQLite keeps the transaction, and nobody can write.
    """

    def close(self) -> None:
        """Close, and give up what is not committed."""
        with contextlib.suppress(sqlite3.ProgrammingError):  # it is closed already
            self.rollback()
        super().close()


class _AtOnce:
    """A cursor: runs a statement, fetches its rows and lets it go in one errand of the thread, not in four.

    So nothing of a statement outlives it; the rows are in memory, as SQLAlchemy would have them anyway.
    """

    arraysize = 1

    def __init__(self, connection: _Steady) -> None:
        self._conn = connection
        self._rows: list[Any]
        self._take((None, [], -1, None))

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> Self:
        """Run a statement."""
        self._take(await self._conn._execute(_run, self._conn._conn, sql, () if parameters is None else parameters))
        return self

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> Self:
        """Run a statement with many sets of values."""
        self._take(await self._conn._execute(_run, self._conn._conn, sql, parameters, many=True))
        return self

    async def fetchall(self) -> list[Any]:
        """Return the rows."""
        rows, self._rows = self._rows, []
        return rows

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return the next rows, none after the last."""
        count = size or self.arraysize
        rows, self._rows = self._rows[:count], self._rows[count:]
        return rows

    async def fetchone(self) -> Any:
        """Return the next row, None after the last."""
        rows = await self.fetchmany(1)
        return rows[0] if rows else None

    async def close(self) -> None:
        """Forget the rows; the statement is closed already."""
        self._rows = []

    def _take(self, came: _Came) -> None:
        self.description, self._rows, self.rowcount, self.lastrowid = came


class _Steady(Connection):
    """Sees each statement through: whoever is cancelled meanwhile hears of it afterwards.

    Statements are run by a thread. One that was left to itself would still be at work when its event loop, or its
    whole process, ends, and fail there.
    """

    def cursor(self) -> _AtOnce:  # type: ignore[override]
        """Return a cursor; nothing is asked of the thread yet."""
        return _AtOnce(self)

    async def commit(self) -> None:
        """Commit; what only read has nothing to commit."""
        if self._conn.in_transaction:
            await super().commit()

    async def rollback(self) -> None:
        """Roll back; what is committed already, or only read, has nothing to give up."""
        if self._conn.in_transaction:
            await super().rollback()

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]
        except asyncio.CancelledError:
            await self._over()
            raise

    async def _over(self) -> None:
        """Return when the thread has done all that it was given: it does one thing after another."""
        last = asyncio.ensure_future(super()._execute(_nothing))  # type: ignore[no-untyped-call]
        while not last.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([last])
        if not last.cancelled():
            last.exception()  # looked at: it is nobody's


def _run(connection: sqlite3.Connection, sql: str, parameters: Any, *, many: bool = False) -> _Came:
    with contextlib.closing(connection.cursor()) as cursor:
        if many:
            cursor.executemany(sql, parameters)
        else:
            cursor.execute(sql, parameters)
        rows = cursor.fetchall() if cursor.description else []
        return cursor.description, rows, cursor.rowcount, cursor.lastrowid


def _nothing() -> None:
    """Be the last thing that the thread does."""


def steady_connection(database: str, **options: Any) -> Connection:
    """Return a connection that is not open yet, as SQLAlchemy's `async_creator_fn` wants it."""
    connection = _Steady(lambda: sqlite3.connect(database, factory=_LetsGo, **options), _ROWS_AT_ONCE)
    connection._thread.daemon = True
    return connection
