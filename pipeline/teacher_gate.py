"""A gate that lets so many through at once, first come first served; the number may change at any time."""

from __future__ import annotations

import asyncio
from collections import deque


class Gate:
    """Whoever was let through must leave. Being cancelled while waiting costs nobody a place."""

    def __init__(self, limit: int) -> None:
        self.under_way = 0
        self._limit = limit
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self, *, first: bool = False) -> None:
        """Wait to be let through; `first` goes to the head of the queue, for those who have been through before."""
        if self.under_way < self._limit and not self._waiting:
            self.under_way += 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if first:
            self._waiting.appendleft(place)
        else:
            self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():  # let through and cancelled in the same moment
                self.leave()
            raise

    @property
    def is_overfull(self) -> bool:
        """Whether more are under way than may be, since the limit was lowered."""
        return self.under_way > self._limit

    def leave(self) -> None:
        """Make room for the next."""
        self.under_way -= 1
        self._let_through()

    def set_limit(self, limit: int) -> None:
        """Change how many may be under way; those who are already stay."""
        self._limit = limit
        self._let_through()

    def _let_through(self) -> None:
        while self._waiting and self.under_way < self._limit:
            place = self._waiting.popleft()
            if not place.done():
                self.under_way += 1
                place.set_result(None)


class Place:
    """One visitor's place, which may be taken and left several times; the second time it is taken first."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._is_inside = False
        self._was_inside = False

    async def take(self) -> None:
        """Be inside once this returns."""
        if not self._is_inside:
            await self._gate.enter(first=self._was_inside)
            self._is_inside = self._was_inside = True

    def leave(self) -> None:
        """Be outside."""
        if self._is_inside:
            self._is_inside = False
            self._gate.leave()
