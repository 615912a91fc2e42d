"""Token buckets that keep our writes under GitHub's limits on creating content."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.clock import Clock


def _alone() -> int:
    return 1


class TokenBucket:
    """Holds at most `capacity` tokens, refilled evenly at `per_second`; one token lets one write through.

    Both are divided by `sharers`, which is asked anew each time; but there is always room for one token.
    """

    def __init__(
        self, clock: Clock, capacity: float, per_second: float, sharers: Callable[[], int] = _alone
    ) -> None:
        self._clock = clock
        self._capacity = capacity
        self._per_second = per_second
        self._sharers = sharers
        self._tokens = capacity
        self._at: datetime = clock.now()

    def wait_s(self) -> float:
        """Return how many seconds it takes until a token is there; 0 when one is there now."""
        now = self._clock.now()
        elapsed_s = max(0.0, (now - self._at).total_seconds())
        sharers = max(1, self._sharers())
        per_second = self._per_second / sharers
        self._tokens = min(max(1.0, self._capacity / sharers), self._tokens + elapsed_s * per_second)
        self._at = now
        return max(0.0, (1.0 - self._tokens) / per_second)

    def left(self) -> int:
        """Return how many whole tokens are there now."""
        self.wait_s()
        return max(0, int(self._tokens))

    def take(self) -> None:
        """Use one token; the caller has waited for it."""
        self._tokens -= 1.0


@dataclass(frozen=True, slots=True)
class WriteLimits:
    """How many writes may go at once, in a minute and in an hour."""

    burst: int
    per_minute: int
    per_hour: int


@dataclass(frozen=True, slots=True)
class Pace:
    """How many writes may go now one after the other, as each limit sees it, and how long the next one waits."""

    burst_left: int
    burst: int
    hour_left: int
    per_hour: int
    wait_s: float


class WritePacer:
    """Lets writes through one after the other, at most as fast as both buckets allow.

    GitHub counts the App, not its processes: each of `sharers` lets through its part. One that joins is known to
    the others within a few seconds.

    *Source*: GitHub's secondary limits: no more than 80 content-creating requests a minute and 500 an hour.
    """

    def __init__(self, clock: Clock, limits: WriteLimits, sharers: Callable[[], int] = _alone) -> None:
        self._clock = clock
        self._limits = limits
        self._buckets = (
            TokenBucket(clock, min(limits.burst, limits.per_minute), limits.per_minute / 60, sharers),
            TokenBucket(clock, limits.per_hour, limits.per_hour / 3600, sharers),
        )
        self._turn = asyncio.Lock()
        self._not_before: datetime | None = None

    def pause(self, seconds: float) -> None:
        """Let nothing through for `seconds`: GitHub asked us to wait."""
        until = self._clock.now().timestamp() + seconds
        if self._not_before is None or until > self._not_before.timestamp():
            self._not_before = datetime.fromtimestamp(until, tz=self._clock.now().tzinfo)

    def pace(self) -> Pace:
        """Return how many writes may go now."""
        burst, hour = self._buckets
        most = min(self._limits.burst, self._limits.per_minute)
        return Pace(burst.left(), most, hour.left(), self._limits.per_hour, self._wait_s())

    async def admit(self) -> None:
        """Return when the next write may be sent; callers are served in the order they came."""
        async with self._turn:
            while (wait_s := self._wait_s()) > 0:
                await self._clock.sleep(wait_s)
            for bucket in self._buckets:
                bucket.take()

    def _wait_s(self) -> float:
        paused_s = (self._not_before - self._clock.now()).total_seconds() if self._not_before else 0.0
        # a millisecond more than needed, so that rounding never makes us wait twice
        waits = [bucket.wait_s() for bucket in self._buckets]
        longest = max(paused_s, *waits)
        return longest + 0.001 if longest > 0 else 0.0
