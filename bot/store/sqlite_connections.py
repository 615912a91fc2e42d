"""Connections to SQLite that survive the cancelling of whoever uses them, and leave nothing locked behind."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from aiosqlite import Connection

_ROWS_AT_ONCE = 64
_T = TypeVar("_T")


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
        work = asyncio.ensure_future(super()._execute(fn, *args, **kwargs))  # type: ignore[no-untyped-call]
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            while not work.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([work])
            if not work.cancelled():
                work.exception()  # looked at: it is nobody's any more
            raise

    async def carry_out(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Have the thread do several things in one go."""
        done: _T = await self._execute(work, self._conn)
        return done

    async def rollback(self) -> None:
        """Give up what is not committed; where there is nothing, the thread is not troubled."""
        if self.in_transaction:
            await super().rollback()


def steady_connection(database: str, **options: Any) -> Connection:
    """Return a connection that is not open yet, as SQLAlchemy's `async_creator_fn` wants it."""
    connection = _Steady(lambda: sqlite3.connect(database, factory=_LetsGo, **options), _ROWS_AT_ONCE)
    connection._thread.daemon = True
    return connection
