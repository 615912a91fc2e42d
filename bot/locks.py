"""What never overlaps: the work on a pull request, and the merges of a repository, also on several replicas."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol
from weakref import WeakValueDictionary

from bot.events import Origin


class Leases(Protocol):
    """Who grants what only one replica does at a time."""

    @property
    def is_shared(self) -> bool:
        """True where there may be several replicas."""
        ...

    @property
    def has_company(self) -> bool:
        """True when there are several."""
        ...

    async def take(self, name: str) -> None:
        """Wait until a lease is ours."""
        ...

    async def give(self, name: str) -> None:
        """Give a lease back."""
        ...


class PullLocks:
    """Hands out the locks. Whoever waits for one of a pull request must hold none of another.

    Within a process those who wait get it in their order; without `leases` the process is alone.
    """

    def __init__(self, leases: Leases | None = None) -> None:
        self._leases = leases if leases is not None and leases.is_shared else None
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def has_company(self) -> bool:
        """True when others may have worked on a pull request since our last turn."""
        return self._leases is not None and self._leases.has_company

    def of(self, origin: Origin, number: int) -> AbstractAsyncContextManager[None]:
        """Return the lock of a pull request."""
        return self._held(f"pull {origin.repository_id}#{number}")

    def of_merges(self, origin: Origin) -> AbstractAsyncContextManager[None]:
        """Return the lock of a repository's merge queue; whoever holds it may wait for a pull request's."""
        return self._held(f"merges {origin.repository_id}")

    @asynccontextmanager
    async def _held(self, name: str) -> AsyncIterator[None]:
        async with self._locks.setdefault(name, asyncio.Lock()):
            if self._leases is None:
                yield
                return
            await self._leases.take(name)
            try:
                yield
            finally:
                await self._leases.give(name)
