"""What jobs leave in the database is kept for some time only; the jobs themselves stay."""

from __future__ import annotations

from datetime import timedelta

import structlog

from bot.clock import Clock
from bot.store.history import History
from bot.store.jobs import JobStore

log = structlog.get_logger()

_CHORE, _EVERY = "job logs", timedelta(days=1)
_NO_REPOSITORY = 0  # it is done once for all of them


class JobRetention:
    """Deletes the logs of jobs that have long been over, and measured swaps that no forecast needs."""

    def __init__(self, store: JobStore, history: History, clock: Clock, keep_for: timedelta) -> None:
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
        before = now - self._keep_for
        logs = await self._store.logs.forget(before)
        swaps = await self._store.swaps.forget(before)
        await self._history.note_done(_NO_REPOSITORY, _CHORE, now)
        log.info("jobs.cleaned_up", logs=logs, swaps=swaps)
