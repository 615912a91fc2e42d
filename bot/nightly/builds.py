"""A build as it is remembered: its night, where it stands, and how much its plan takes in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from bot.nightly.terms import NightTerms


class BuildState(StrEnum):
    """Where a build stands."""

    PLANNED = "planned"
    RUNNING = "running"
    GOOD = "good"  # it passed its gate: the next one is compared with it
    FAILED = "failed"
    CANCELLED = "cancelled"
    PASSED_OVER = "passed over"  # never begun: a later plan took its place

    @property
    def is_open(self) -> bool:
        """True while something is still to come of it."""
        return self in (BuildState.PLANNED, BuildState.RUNNING)


PLANNED_ANEW = frozenset({BuildState.PLANNED, BuildState.FAILED, BuildState.CANCELLED, BuildState.PASSED_OVER})
"""The states in which the build of a night may be planned once more."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a plan takes in and leaves out."""

    new: int = 0
    changed: int = 0
    removed: int = 0
    pulls: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Build:
    """One build of one repository; there is one for a night at most. `attempt` grows when it is planned anew."""

    id: int
    repository_id: int
    night: date
    state: BuildState
    attempt: int
    commit: str
    planned_at: datetime
    counts: Counts
    began_at: datetime | None = None
    ended_at: datetime | None = None
    because: str = ""  # why it ended as it did
    held: str = ""  # why its next step is not queued yet
    terms: NightTerms | None = None  # on which it runs; None: it has not begun

    @property
    def name(self) -> str:
        """Return what people and the store of models know it by: the night and the attempt."""
        return f"{self.night.isoformat()}.{self.attempt}"
