"""What GitHub still allows in this hour. It counts REST and GraphQL apart, and each answer tells of one of them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from enum import StrEnum

from gidgethub.sansio import RateLimit

from bot.clock import Clock


class Pool(StrEnum):
    """What GitHub counts apart, by its own name for it; others than these we do not draw on."""

    CORE = "core"
    GRAPHQL = "graphql"


_POOLS = {pool.value: pool for pool in Pool}


class HourlyLimits:
    """Remembers for each pool what the newest answer said, until the hour that it spoke of is over."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[Pool, RateLimit] = {}

    def note(self, headers: Mapping[str, str], expected: Pool) -> None:
        """Remember what an answer says; `expected` is the pool it is about where it does not say so itself."""
        told = RateLimit.from_http(headers)
        pool = _POOLS.get(headers.get("X-RateLimit-Resource", expected))
        if told is not None and pool is not None:
            self._told[pool] = told

    def left(self, pool: Pool) -> RateLimit | None:
        """Return what is left of a pool; None where GitHub has not said so in this hour."""
        told = self._told.get(pool)
        return copy.copy(told) if told is not None and told.reset_datetime > self._clock.now() else None

    def scarcest(self) -> RateLimit | None:
        """Return the pool of which the smallest part is left; None where GitHub has said nothing in this hour."""
        known = [limit for pool in Pool if (limit := self.left(pool)) is not None]
        return min(known, key=lambda limit: limit.remaining / max(1, limit.limit), default=None)
