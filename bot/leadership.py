"""Leadership: what runs in the background runs on one replica; should it be lost, another goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

log = structlog.get_logger()

_LEASE = "background"


class Leaderboard(Protocol):
    """Who decides which replica leads."""

    async def take_if_free(self, name: str) -> bool:
        """Return whether a lease is ours now."""
        ...

    async def give(self, name: str) -> None:
        """Give a lease back."""
        ...


@dataclass(frozen=True, slots=True)
class Service:
    """Something that runs in the background. It may be started again after it was stopped."""

    start: Callable[[], Awaitable[None]]
    stop: Callable[[], Awaitable[None]]


class Leadership:
    """Starts the services where this replica leads, in order, and stops them in reverse."""

    def __init__(self, replica: Leaderboard, services: Sequence[Service]) -> None:
        self._replica = replica
        self._services = services
        self.leads = False

    async def look(self) -> None:
        """Lead if nobody does. Raises what a service raises that cannot start; then another replica may try."""
        if self.leads or not await self._replica.take_if_free(_LEASE):
            return
        self.leads = True
        log.info("leadership.taken")
        try:
            for service in self._services:
                await service.start()
        except BaseException:
            await self.resign()
            raise

    async def resign(self) -> None:
        """Stop everything, also in the middle, and let another lead: it finds what is left."""
        await self.fall()
        await self._replica.give(_LEASE)

    async def fall(self) -> None:
        """Stop everything: another leads."""
        if not self.leads:
            return
        for service in reversed(self._services):
            try:
                await service.stop()
            except Exception:
                log.exception("leadership.not_stopped")
        self.leads = False
