"""How long jobs of each kind usually take, kept for a minute: pages ask often, and it hardly changes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.clock import Clock
from bot.job_prospects import Times
from bot.jobs import JobKind
from bot.store.job_times import JobTimes

_KEPT = timedelta(seconds=60)


class Paces:
    """Knows what was measured."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._times = JobTimes(engine)
        self._clock = clock
        self._kept: dict[JobKind, tuple[datetime, list[float]]] = {}

    async def of(self, kinds: Iterable[JobKind]) -> Times:
        """Return what the newest jobs of some kinds took, in seconds."""
        return {kind.value: await self._of(kind) for kind in set(kinds)}

    async def _of(self, kind: JobKind) -> list[float]:
        until, known = self._kept.get(kind, (self._clock.now(), []))
        if until > self._clock.now():
            return known
        measured = await self._times.of_runs(kind)
        self._kept[kind] = (self._clock.now() + _KEPT, measured)
        return measured
