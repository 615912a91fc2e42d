"""Deliveries that were handled are remembered for some time only, those given up with all that stood in them."""

from __future__ import annotations

from datetime import timedelta

import structlog

from bot.clock import Clock
from bot.store.deliveries import DeliveryStore
from bot.store.history import History

log = structlog.get_logger()

_CHORE, _EVERY = "deliveries", timedelta(days=1)
_NO_REPOSITORY = 0  # it is done once for all of them


class DeliveryRetention:
    """Deletes what nobody sends again: GitHub itself forgets a delivery after some days."""

    def __init__(self, store: DeliveryStore, history: History, clock: Clock, keep_for: timedelta) -> None:
        self._store = store
        self._history = history
        self._clock = clock
        self._keep_for = keep_for

    async def clean_up(self) -> None:
        """Delete what is too old, if that was not done today."""
        now = self._clock.now()
        last = await self._history.last_done(_NO_REPOSITORY, _CHORE)
        if last is not None and now - last < _EVERY:
            return
        count = await self._store.forget(now - self._keep_for)
        await self._history.note_done(_NO_REPOSITORY, _CHORE, now)
        log.info("deliveries.cleaned_up", count=count)
