"""Workers that were heard of: where each takes jobs from, and whether it has one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.contract import Load, Queue

PRESENT_FOR = timedelta(seconds=60)  # a worker that said hello within it takes jobs
_TOLD_AGAIN_AFTER = PRESENT_FOR / 4


@dataclass(frozen=True, slots=True)
class Presence:
    """A worker that was heard of: where it takes jobs from, whether it has one, what it has loaded if it swaps."""

    queues: frozenset[Queue]
    is_busy: bool
    heard_at: datetime
    loaded: Load | None = None

    def is_news_after(self, told: Presence | None) -> bool:
        """Return whether others should hear of it who know what was told: it changed, or that was some time ago."""
        if told is None or self.heard_at - told.heard_at >= _TOLD_AGAIN_AFTER:
            return True
        return (self.queues, self.is_busy, self.loaded) != (told.queues, told.is_busy, told.loaded)
