"""Fair turns: a few places to work, for many people, of whom some may ask for what takes for ever."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_MOST_REMEMBERED = 2_000


@dataclass(eq=False, slots=True)
class _Turn:
    who: Hashable
    arrived: int
    has_begun: asyncio.Future[None]
    is_slow: bool = False
    is_overdue: bool = False  # it would be slow, if there were a place for it
    since_s: float = 0.0
    alarm: asyncio.TimerHandle | None = None


@dataclass(slots=True)
class FairTurns:
    """Lets at most `places` work at once, next whoever has had the least time so far.

    Nobody takes a second place unless another is left for somebody else, nor more than `of_one`. Work that takes
    longer than `slow_after_s` goes on in one of `slow_places`, and its place is free again.
    """

    places: int
    slow_places: int
    slow_after_s: float
    of_one: int = 2
    _ordinary: int = 0
    _slow: int = 0
    _at_work: list[_Turn] = field(default_factory=list)
    _waiting: list[_Turn] = field(default_factory=list)
    _used_s: OrderedDict[Hashable, float] = field(default_factory=OrderedDict)
    _arrivals: itertools.count[int] = field(default_factory=itertools.count)

    @asynccontextmanager
    async def turn(self, who: Hashable) -> AsyncIterator[None]:
        """Wait for a place, and keep it as long as the block lasts."""
        turn = _Turn(who, next(self._arrivals), asyncio.get_running_loop().create_future())
        self._waiting.append(turn)
        self._let_in()
        try:
            await turn.has_begun
            yield
        finally:
            self._leave(turn)

    def _let_in(self) -> None:
        loop = asyncio.get_running_loop()
        at_work = Counter(turn.who for turn in self._at_work)
        while (free := self.places - self._ordinary) > 0:
            may = [t for t in self._waiting if at_work[t.who] < min(free, self.of_one)]
            if not may:
                return
            turn = min(may, key=lambda t: (at_work[t.who], self._used_s.get(t.who, 0.0), t.arrived))
            self._waiting.remove(turn)
            self._at_work.append(turn)
            self._ordinary += 1
            at_work[turn.who] += 1
            turn.since_s = loop.time()
            turn.alarm = loop.call_later(self.slow_after_s, self._make_room, turn)
            if not turn.has_begun.done():
                turn.has_begun.set_result(None)

    def _make_room(self, turn: _Turn) -> None:
        """Have somebody who takes long go on elsewhere, as soon as there is room for it."""
        turn.is_overdue = self._slow >= self.slow_places
        if turn.is_overdue:
            return
        turn.is_slow = True
        self._ordinary -= 1
        self._slow += 1
        self._let_in()

    def _leave(self, turn: _Turn) -> None:
        if turn in self._waiting:
            self._waiting.remove(turn)
            return
        if turn.alarm is not None:
            turn.alarm.cancel()
        self._at_work.remove(turn)
        took_s = asyncio.get_running_loop().time() - turn.since_s
        self._used_s[turn.who] = self._used_s.pop(turn.who, 0.0) + took_s
        while len(self._used_s) > _MOST_REMEMBERED:
            self._used_s.popitem(last=False)
        if turn.is_slow:
            self._slow -= 1
            overdue = next((t for t in self._at_work if t.is_overdue), None)
            if overdue is not None:
                self._make_room(overdue)
        else:
            self._ordinary -= 1
        self._let_in()
