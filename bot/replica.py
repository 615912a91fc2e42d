"""This process among those that share a database: it says that it is alive, and stops when the others doubt it."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable

import structlog

from bot.github.errors import TransientError
from bot.store.replicas import ReplicaLostError, ReplicaStore

log = structlog.get_logger()

_BEATS = 4  # of them may be missed but one
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.5
_TRIES_AGAIN_S = 1.0

Told = Callable[[], Awaitable[None]]


class Replica:
    """One of several, or the only one. It runs by real time: the others do.

    On SQLite it is alone, and neither lost nor doubted.
    """

    def __init__(self, store: ReplicaStore, silence_s: float) -> None:
        """After `silence_s` without a sign of this one, others take over what it holds."""
        self._store = store
        self._silence_s = silence_s
        self._believed_until = 0.0
        self._beating: asyncio.Task[None] | None = None
        self._on_lost: list[Told] = []
        self._on_beat: list[Told] = []
        self.id = 0
        self.count = 1  # of those that are taken for alive

    @property
    def is_shared(self) -> bool:
        """True where others may use the same database."""
        return self._store.is_shared

    @property
    def has_company(self) -> bool:
        """True when there are other replicas."""
        return self.count > 1

    def when_lost(self, told: Told) -> None:
        """Have somebody stop all that is under way, once others have taken over; a new identity comes after."""
        self._on_lost.append(told)

    def at_each_beat(self, told: Told) -> None:
        """Have somebody look now and then at what only one replica does."""
        self._on_beat.append(told)

    async def join(self) -> None:
        """Become one of those that share the work. Raises what the database raises."""
        await self._join()
        if self.is_shared:
            await self._evict()
            self._beating = asyncio.create_task(self._run(), name="replica")

    async def leave(self) -> None:
        """Give back everything that is held."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        try:
            await self._store.leave(self.id)
        except Exception:  # then the others wait until they doubt this one
            log.exception("replica.left_without_a_word")

    def check(self) -> None:
        """Raise TransientError when others may have taken over: nothing must be written on GitHub then."""
        if self.is_shared and time.monotonic() >= self._believed_until:
            raise TransientError("this replica was out of touch with the database; whoever has taken over goes on")

    async def take(self, name: str) -> None:
        """Wait until a lease is ours. Raises ReplicaLostError when it never will be."""
        if not self.is_shared:
            return
        mine, pause_s = self.id, _FIRST_PAUSE_S
        while not await self._store.take(name, mine):
            if mine != self.id or not self.id:
                raise ReplicaLostError
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def take_if_free(self, name: str) -> bool:
        """Return whether a lease is ours now."""
        return not self.is_shared or await self._store.take(name, self.id)

    async def give(self, name: str) -> None:
        """Give a lease back, however long the database stumbles: else nobody would get it while we live."""
        mine = self.id
        while self.is_shared and mine == self.id:
            try:
                await self._store.give(name, mine)
            except Exception:
                log.exception("replica.not_given_back", lease=name)
                await asyncio.sleep(_TRIES_AGAIN_S)
            else:
                return

    async def _join(self) -> None:
        began = time.monotonic()
        self.id = await self._store.join(f"{socket.gethostname()}:{os.getpid()}", self._silence_s)
        self._believed_until = began + self._silence_s
        if self.is_shared:
            self.count = await self._store.count()
        log.info("replica.joined", replica=self.id)

    async def beat(self) -> None:
        """Say that we are alive, and take over from whoever is not; come back as somebody else if we were lost."""
        began, was_believed = time.monotonic(), time.monotonic() < self._believed_until
        try:
            await self._store.renew(self.id, self._silence_s)
        except ReplicaLostError:
            await self._start_anew()
            return
        self._believed_until = began + self._silence_s
        if was_believed:  # else the database was away, and the others could not renew either
            await self._evict()
        self.count = await self._store.count()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._silence_s / _BEATS)
            try:
                await self.beat()
            except Exception as error:  # the database is away; the writing stops by itself in time
                log.warning("replica.not_renewed", error=type(error).__name__)
                continue
            for told in self._on_beat:
                try:
                    await told()
                except Exception:
                    log.exception("replica.beat_stumbled")

    async def _evict(self) -> None:
        for evicted in await self._store.evict_silent(self.id):
            log.warning("replica.evicted", replica=evicted.id, name=evicted.name)

    async def _start_anew(self) -> None:
        """Others have taken over: stop everything, then come back as somebody else."""
        log.error("replica.lost", replica=self.id)
        self._believed_until, self.id = 0.0, 0
        for told in self._on_lost:
            try:
                await told()
            except Exception:
                log.exception("replica.not_stopped")
        while not self.id:
            try:
                await self._join()
            except Exception as error:
                log.warning("replica.not_joined", error=type(error).__name__)
                await asyncio.sleep(_TRIES_AGAIN_S)
