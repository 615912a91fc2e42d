"""Connections to SQLite that survive the cancelling of whoever uses them, and leave nothing locked behind.

A thread runs the statements, and a trip to it costs more than most statements do: each is one trip, with its rows.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from aiosqlite import Connection, Cursor

_ROWS_AT_ONCE = 64
_ROWS_OF_A_TRIP = 5_000  # that come along with their statement; others are fetched when they are asked for


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


class _Steady(Connection):
    """Sees each statement through: whoever is cancelled meanwhile hears of it afterwards.

    Statements are run by a thread. One that was left to itself would still be at work when its event loop, or its
    whole process, ends, and fail there.
    """

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not self._running or not self._connection:
            raise ValueError("Connection closed")
        work: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._tx.put_nowait((work, partial(fn, *args, **kwargs)))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            while not work.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([work])
            if not work.cancelled():
                work.exception()  # looked at: it is nobody's any more
            raise

    def cursor(self) -> _OneTrip:  # type: ignore[override]
        """Return a cursor, made in the thread along with its first statement."""
        return _OneTrip(self)

    async def commit(self) -> None:
        """Commit, where there is something to commit."""
        if self.in_transaction:
            await super().commit()

    async def rollback(self) -> None:
        """Roll back, where there is something to roll back."""
        if self.in_transaction:
            await super().rollback()


class _OneTrip(Cursor):
    """Brings the rows of a statement along, as long as they are not very many, and is closed with the last."""

    def __init__(self, connection: _Steady) -> None:
        super().__init__(connection, None)  # type: ignore[arg-type]
        self._connected = connection
        self._rows: list[Any] = []
        self._has_more = False

    async def execute(self, sql: str, parameters: Any = ()) -> _OneTrip:
        """Run a statement."""
        await self._connected._execute(self._run, sqlite3.Cursor.execute, sql, parameters)
        return self

    async def executemany(self, sql: str, parameters: Any) -> _OneTrip:
        """Run a statement once for each of `parameters`."""
        await self._connected._execute(self._run, sqlite3.Cursor.executemany, sql, parameters)
        return self

    def _run(self, how: Callable[..., Any], sql: str, parameters: Any) -> None:
        """Run a statement and read its first rows: in the thread."""
        cursor = self._cursor = self._conn._conn.cursor()
        how(cursor, sql, parameters)
        self._rows = cursor.fetchmany(_ROWS_OF_A_TRIP) if cursor.description else []
        self._has_more = len(self._rows) == _ROWS_OF_A_TRIP
        if not self._has_more:
            cursor.close()

    async def fetchone(self) -> Any:
        """Return the next row, None after the last."""
        rows = await self.fetchmany(1)
        return rows[0] if rows else None

    async def fetchmany(self, size: int | None = None) -> Sequence[Any]:
        """Return the next rows, none after the last."""
        if not self._rows and self._has_more:
            self._rows = await self._connected._execute(self._cursor.fetchmany, _ROWS_OF_A_TRIP)
            self._has_more = len(self._rows) == _ROWS_OF_A_TRIP
        count = size or 1
        taken, self._rows = self._rows[:count], self._rows[count:]
        return taken

    async def fetchall(self) -> Sequence[Any]:
        """Return all rows that are left."""
        rest = await self._connected._execute(self._cursor.fetchall) if self._has_more else []
        taken, self._rows, self._has_more = [*self._rows, *rest], [], False
        return taken

    async def close(self) -> None:
        """Let go of what was not fetched."""
        if self._has_more:
            self._has_more = False
            await self._connected._execute(self._cursor.close)


def steady_connection(database: str, **options: Any) -> Connection:
    """Return a connection that is not open yet, as SQLAlchemy's `async_creator_fn` wants it."""
    connection = _Steady(lambda: sqlite3.connect(database, factory=_LetsGo, **options), _ROWS_AT_ONCE)
    connection._thread.daemon = True
    return connection
