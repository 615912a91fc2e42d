"""Keeping a reading of what was judged, once the report is out; whatever comes of it, the report stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import structlog

from bot.clock import Clock
from bot.look import Look
from bot.rule_workers import RuleWorkers
from bot.store.history import History
from bot.store.readings import ReadingStore
from checks.findings import Finding

log = structlog.get_logger()

_CHORE, _EVERY = "readings", timedelta(days=1)
_NO_REPOSITORY = 0  # it is done once for all of them


class ReadingDesk:
    """Has readings written, and forgets them when their time is over."""

    def __init__(
        self, store: ReadingStore, workers: RuleWorkers, history: History, clock: Clock, keep_for: timedelta
    ) -> None:
        self._store = store
        self._workers = workers
        self._history = history
        self._clock = clock
        self._keep_for = keep_for

    async def keep(self, repository_id: int, look: Look, findings: Sequence[Finding]) -> None:
        """Keep what was judged, with these findings; where only they may be new, put them in the place of the old.

        Never raises.
        """
        pull = look.facts.pull
        shown = (*findings, *look.kept_back)
        everything = (*look.in_full.findings, *look.kept_back)
        kept = None
        try:
            if look.material is None:
                kept = await self._store.get(repository_id, pull.number, pull.head_sha)
                if kept is None:
                    return  # judged long ago, and forgotten since
            reading = await self._workers.reading(look.material, pull.head_sha, shown, everything)
            if kept is not None and reading is not None:
                if kept.findings == reading.findings:
                    return
                left_out = reading.findings_left_out
                reading = replace(kept, findings=reading.findings, findings_left_out=left_out)
            if reading is not None:
                await self._store.save(repository_id, pull.number, reading, self._clock.now())
        except Exception:  # whatever it is: the verdict stands, and the page says that there is no reading
            log.exception("reading.not_kept", number=pull.number)

    async def clean_up(self) -> None:
        """Forget what is too old, if that was not done today."""
        now = self._clock.now()
        last = await self._history.last_done(_NO_REPOSITORY, _CHORE)
        if last is not None and now - last < _EVERY:
            return
        count = await self._store.forget(now - self._keep_for)
        await self._history.note_done(_NO_REPOSITORY, _CHORE, now)
        log.info("readings.cleaned_up", count=count)
