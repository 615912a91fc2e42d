"""One lock for each pull request: work on it never overlaps."""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

from bot.events import Origin


class PullLocks:
    """Hands out the locks. Whoever waits for one must hold none of another pull request."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[tuple[int, int], asyncio.Lock] = WeakValueDictionary()

    def of(self, origin: Origin, number: int) -> asyncio.Lock:
        """Return the lock of a pull request."""
        return self._locks.setdefault((origin.repository_id, number), asyncio.Lock())
