"""Deciding, when a build is due, whether there is one: one a night, never over another, none for nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

import structlog

from bot.clock import Clock
from bot.nightly.builds import PLANNED_ANEW, Build
from bot.nightly.gathering import PlanRoom
from bot.nightly.plan import BuildPlan
from bot.nightly.punctuality import PLANNED, SCHEDULER
from bot.nightly.schedule import Schedule, night_of
from bot.store.builds import BuildStore
from bot.store.history import History
from bot.store.repositories import KnownRepository

log = structlog.get_logger()

_CLOCK_SLIPS = timedelta(days=1)  # back, at the most: no night is decided about twice for that


class Decision(StrEnum):
    """What became of a night."""

    PLANNED = "planned"
    NOTHING_NEW = "nothing new"
    STILL_RUNNING = "still running"  # the build before it: what was merged goes to the next one
    ALREADY_THERE = "already there"  # somebody else was first, or it is over


@dataclass(frozen=True, slots=True)
class Night:
    """What became of a night, with the plan and the build where there are any."""

    night: date
    decision: Decision
    plan: BuildPlan | None = None
    build: Build | None = None


class NightlyDesk:
    """Plans the builds of all repositories. Raises the errors of `bot.github.errors`."""

    def __init__(
        self, room: PlanRoom, builds: BuildStore, history: History, schedule: Schedule, clock: Clock
    ) -> None:
        self._room = room
        self._builds = builds
        self._history = history
        self._schedule = schedule
        self._clock = clock

    async def note_look(self, known: KnownRepository) -> None:
        """Note that somebody has looked whether a build is due: nobody doing so for long is an alarm."""
        await self._history.note_done(known.origin.repository_id, SCHEDULER, self._clock.now())

    async def plan_if_due(self, known: KnownRepository) -> Night | None:
        """Plan the build that is due, however late; None while none is. Nights that were missed are not made up."""
        repository_id, now = known.origin.repository_id, self._clock.now()
        done_at = await self._history.last_done(repository_id, PLANNED)
        if done_at is not None and done_at > now + _CLOCK_SLIPS:
            log.error("nightly.clock_was_wrong", decided_until=done_at.isoformat(), now=now.isoformat())
            done_at = None  # it was far ahead once: no night would be due until then
        due = self._schedule.latest_until(now)
        if due <= (done_at or known.first_seen_at):
            return None
        night = await self.plan_night(known, night_of(due))
        await self._history.note_done(repository_id, PLANNED, due)
        plan = night.plan
        log.info(
            "nightly.decided",
            repository_id=repository_id,
            night=night.night.isoformat(),
            decision=night.decision.value,
            commit=plan.commit if plan else "",
            leaves=len(plan.leaves) if plan else 0,
            pulls=len(plan.pulls) if plan else 0,
        )
        return night

    async def plan_night(self, known: KnownRepository, night: date, *, anew: bool = False) -> Night:
        """Plan the build of a night and write it down, unless there is nothing new or another build runs.

        `anew` plans a night once more that has a build already: one that was not begun, or came to nothing.
        """
        repository_id = known.origin.repository_id
        if await self._builds.running(repository_id) is not None:
            return Night(night, Decision.STILL_RUNNING)
        there = await self._builds.of_night(repository_id, night)
        if there is not None and not (anew and there.state in PLANNED_ANEW):
            return Night(night, Decision.ALREADY_THERE, build=there)
        plan = await self._room.plan(known)
        if plan.is_empty:
            return Night(night, Decision.NOTHING_NEW, plan)
        build = await self._write_down(plan, night, there, self._clock.now())
        return Night(night, Decision.PLANNED if build else Decision.ALREADY_THERE, plan, build)

    async def _write_down(self, plan: BuildPlan, night: date, there: Build | None, at: datetime) -> Build | None:
        if there is None:
            return await self._builds.add(plan, night, at)
        return await self._builds.plan_anew(there, plan, at)
