"""Live logs: one reader asks the database for all who watch, and what it finds is made once and shared by all.

Whoever watches is first entered, then reads from the database what they have not seen, then takes what the reader
hands out; each part carries how far its reader is (`log_cursor`), so nothing is missed and nothing comes twice.
Because only the database is asked, it is no matter which replica somebody watches at.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.clock import Clock
from bot.dashboard.log_cursor import BACK, LogCursor
from bot.dashboard.log_lines import HEARTBEAT, OVER, LogEvent, event_of
from bot.store.board_logs import BoardLogs

log = structlog.get_logger()

TICK_S = 1.0
_BEATS_AFTER = 15  # quiet ticks
_LOOKS_ANYWAY = 5  # ticks: a late report changes nothing about its job but its log
_MOST_WAITING, _MOST_WAITING_BYTES = 256, 1_000_000  # of one listener, until it is cut off
_MOST_LISTENERS = 2_000
_MOST_OF_ONE = 40  # of one account, so that nobody takes the places of all others
_LASTS = timedelta(minutes=30)  # then the browser asks anew, and whether it may is looked at again


class FullHouseError(Exception):
    """As many watch as this process can serve, or as many of one account; another moment, or replica, can."""


class Listener:
    """One who watches a log: takes events one by one, and is cut off when too many wait for it."""

    def __init__(self, until: datetime, on_cut: Callable[[], None]) -> None:
        self.until = until
        self.is_cut = False
        self._on_cut = on_cut
        self._waiting: deque[LogEvent] = deque()
        self._bytes = 0
        self._woken = asyncio.Event()
        self._is_ended = False

    def put(self, event: LogEvent) -> None:
        """Add an event; one too many ends it all, and the browser resumes where it was."""
        if self._is_ended:
            return
        self._waiting.append(event)
        self._bytes += len(event.wire)
        self._woken.set()
        is_much = self._bytes > _MOST_WAITING_BYTES and len(self._waiting) > 1
        if is_much or len(self._waiting) > _MOST_WAITING:
            self.is_cut = True
            self._waiting.clear()
            self.end()
            self._on_cut()

    def end(self) -> None:
        """Let nothing more come after what waits."""
        self._is_ended = True
        self._woken.set()

    async def events(self) -> AsyncIterator[LogEvent]:
        """Yield what comes, until it is over."""
        while True:
            while self._waiting:
                event = self._waiting.popleft()
                self._bytes -= len(event.wire)
                yield event
                if event.is_last:
                    return
            if self._is_ended:
                return
            self._woken.clear()
            await self._woken.wait()


@dataclass
class _Channel:
    """One job that is watched: how far its log was read, and who watches."""

    cursor: LogCursor
    revision: int = -1
    quiet_ticks: int = 0
    ticks: int = 0
    listeners: set[Listener] = field(default_factory=set)

    def tell(self, event: LogEvent) -> None:
        """Hand an event to all."""
        self.quiet_ticks = 0
        for listener in tuple(self.listeners):
            listener.put(event)


class LogHub:
    """Where logs are watched. It reads only while somebody watches."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._logs = BoardLogs(engine)
        self._clock = clock
        self._channels: dict[int, _Channel] = {}
        self._entering = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None
        self._is_closed = False
        self._of_account: Counter[int] = Counter()

    @property
    def listening(self) -> int:
        """How many watch."""
        return sum(len(channel.listeners) for channel in self._channels.values())

    @asynccontextmanager
    async def listen(
        self, job_id: int, after: LogCursor, on_cut: Callable[[], None] = lambda: None, user_id: int = 0
    ) -> AsyncIterator[AsyncIterator[LogEvent]]:
        """Watch a log from a place on. Raises FullHouseError.

        `on_cut` is called when the listener is too slow: whatever it is doing should be broken off. Of `user_id`,
        unless it is 0, only so many are let in.
        """
        if self._is_closed or self.listening >= _MOST_LISTENERS:
            raise FullHouseError
        if user_id and self._of_account[user_id] >= _MOST_OF_ONE:
            raise FullHouseError
        self._of_account[user_id] += 1
        try:
            async with self._listening(job_id, after, on_cut) as events:
                yield events
        finally:
            self._of_account[user_id] -= 1
            if not self._of_account[user_id]:
                del self._of_account[user_id]

    @asynccontextmanager
    async def _listening(
        self, job_id: int, after: LogCursor, on_cut: Callable[[], None]
    ) -> AsyncIterator[AsyncIterator[LogEvent]]:
        listener = Listener(self._clock.now() + _LASTS, on_cut)
        async with self._entering:
            channel = self._channels.get(job_id)
            if channel is None:
                keys = await self._logs.newest_keys(job_id, BACK)
                channel = self._channels[job_id] = _Channel(LogCursor.at_the_end_of(keys))
            channel.listeners.add(listener)
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read(), name="log hub")
        try:
            yield self._events(job_id, after, listener)
        finally:
            listener.end()
            channel.listeners.discard(listener)

    async def _events(self, job_id: int, cursor: LogCursor, listener: Listener) -> AsyncIterator[LogEvent]:
        """Yield what was not seen, then what comes."""
        async for event in self._missed(job_id, cursor):
            if event.key is not None:
                cursor = cursor.after(event.key)
            yield event
        async for event in listener.events():
            if event.key is None:
                yield event
            elif not cursor.has(event.key):
                cursor = cursor.after(event.key)
                yield event

    async def _missed(self, job_id: int, cursor: LogCursor) -> AsyncIterator[LogEvent]:
        """Yield the parts of a log that are there and not seen at a place, in order."""
        while True:
            keys = [key for key in await self._logs.keys_after(job_id, cursor.looks_from) if not cursor.has(key)]
            parts = await self._logs.parts(job_id, keys)
            for part in parts:
                before, cursor = cursor.attempt, cursor.after((part.attempt, part.sequence))
                yield event_of(part, cursor, before)
            if not parts:
                return

    async def _read(self) -> None:
        """Look every second while somebody watches; what fails is tried again."""
        while not self._is_closed:
            for job_id in [job_id for job_id, channel in self._channels.items() if not channel.listeners]:
                del self._channels[job_id]
            if not self._channels:
                return
            try:
                await self._look()
            except Exception:
                log.exception("dashboard.log_not_read")
            await self._clock.sleep(TICK_S)

    async def _look(self) -> None:
        pulses = await self._logs.pulses(sorted(self._channels))
        now = self._clock.now()
        for job_id, channel in tuple(self._channels.items()):
            pulse = pulses.get(job_id)
            channel.ticks += 1
            if pulse is None or pulse.revision != channel.revision or channel.ticks % _LOOKS_ANYWAY == 0:
                await self._tell_news(job_id, channel)
            channel.revision = pulse.revision if pulse else -1
            if pulse is None or pulse.is_over:
                channel.tell(OVER)
            channel.quiet_ticks += 1
            if channel.quiet_ticks >= _BEATS_AFTER:
                channel.tell(HEARTBEAT)
            for listener in [each for each in channel.listeners if each.until <= now]:
                listener.end()

    async def _tell_news(self, job_id: int, channel: _Channel) -> None:
        async for event in self._missed(job_id, channel.cursor):
            if event.key is not None:
                channel.cursor = channel.cursor.after(event.key)
            channel.tell(event)

    async def close(self) -> None:
        """Send all away, so that the process can end; browsers come again by themselves."""
        self._is_closed = True
        for channel in self._channels.values():
            for listener in channel.listeners:
                listener.end()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
