"""The only clock of the bot: real time when it serves, moved by hand when it is tested."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Container
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the bot knows of time."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`; at least yield to others when it is zero or less."""
        ...


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        await asyncio.sleep(max(0.0, seconds))


class MovableClock:
    """Time that stands still until it is advanced; sleepers wake when their moment has come."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
        self._order = itertools.count()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None], str]] = []

    def now(self) -> datetime:
        """Return the time this clock was set to, aware, in UTC."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been advanced by `seconds`."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        awakened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.current_task()
        moment, name = self._now + timedelta(seconds=seconds), task.get_name() if task else ""
        heapq.heappush(self._sleepers, (moment, next(self._order), awakened, name))
        await awakened

    def next_awakening(self, *, besides: Container[str] = ()) -> datetime | None:
        """Return the moment the first sleeper waits for, tasks of some names left out; None when nobody sleeps."""
        moments = [
            moment for moment, _, awakened, name in self._sleepers if name not in besides and not awakened.done()
        ]
        return min(moments, default=None)

    async def advance(self, **delta: float) -> None:
        """Move the clock by `timedelta(**delta)`, waking sleepers in the order of their moments."""
        await _let_others_run()
        target = self._now + timedelta(**delta)
        while self._sleepers and self._sleepers[0][0] <= target:
            moment, _, awakened, _ = heapq.heappop(self._sleepers)
            self._now = max(self._now, moment)
            if not awakened.done():
                awakened.set_result(None)
            await _let_others_run()
        self._now = target


async def _let_others_run() -> None:
    for _ in range(10):
        await asyncio.sleep(0)
