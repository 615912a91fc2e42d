"""Connections are handed out in turn: whoever waits longest is next, however many others come."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import AsyncAdaptedQueuePool
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_only


class InTurn(AsyncAdaptedQueuePool):
    """A pool with a queue in front.

    The plain pool lets whoever comes by at the right moment take a connection before those that wait, and sends
    the one it was meant for to the end of the line: in a crowd somebody waits until the time is up.
    """

    def __init__(self, creator: Any, pool_size: int = 5, max_overflow: int = 10, **options: Any) -> None:
        super().__init__(creator, pool_size, max_overflow, **options)
        self._turns = asyncio.Semaphore(pool_size + max_overflow)

    def _do_get(self) -> ConnectionPoolEntry:
        await_only(self._my_turn())
        try:
            return super()._do_get()
        except BaseException:
            self._turns.release()
            raise

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        try:
            super()._do_return_conn(record)
        finally:
            self._turns.release()

    async def _my_turn(self) -> None:
        try:
            async with asyncio.timeout(self.timeout()):
                await self._turns.acquire()
        except TimeoutError:
            raise PoolTimeoutError(
                f"no connection to the database was free within {self.timeout():g} s: {self.status()}"
            ) from None
