"""Watching over those who watch: who has looked after builds when, and what is late by now."""

from __future__ import annotations

from datetime import time

from bot.clock import Clock
from bot.nightly.punctuality import FOREMAN, PLANNED, REPORTER, SCHEDULER, Late, Lateness, Signs, expected_by, late
from bot.nightly.schedule import Schedule, night_of
from bot.store.announcements import AnnouncementStore
from bot.store.builds import BuildStore
from bot.store.history import History
from bot.store.repositories import KnownRepository


class Watch:
    """Reads and writes signs of life. It asks nobody but the database, so that it works when GitHub does not."""

    def __init__(
        self,
        builds: BuildStore,
        said: AnnouncementStore,
        history: History,
        schedule: Schedule | None,
        report_at: time,
        clock: Clock,
    ) -> None:
        """`schedule` is None where no build is planned by itself: nothing is late then but who looks after one."""
        self._builds = builds
        self._said = said
        self._history = history
        self._schedule = schedule
        self._report_at = report_at
        self._clock = clock
        self._since = clock.now()

    async def foreman_looked(self, known: KnownRepository) -> None:
        """Note that somebody has looked after the build that runs."""
        await self._note(known, FOREMAN)

    async def reporter_looked(self, known: KnownRepository) -> None:
        """Note that somebody has looked whether there is something to report."""
        await self._note(known, REPORTER)

    async def _note(self, known: KnownRepository, chore: str) -> None:
        await self._history.note_done(known.origin.repository_id, chore, self._clock.now())

    async def late(self, known: KnownRepository) -> list[Late]:
        """Return what is late in a repository."""
        repository_id, now = known.origin.repository_id, self._clock.now()
        expected = expected_by(now, self._schedule, self._report_at) if self._schedule else None
        build = await self._builds.of_night(repository_id, night_of(expected.due)) if expected else None
        looked = await self._history.done_since_ever(repository_id, "")
        said = await self._said.of(repository_id, f"report:{build.name}") if build else None
        found = late(
            Signs(
                now,
                max(self._since, known.first_seen_at),
                known.first_seen_at,
                expected,
                looked.get(PLANNED),
                build,
                said is not None,
                looked.get(SCHEDULER),
                looked.get(FOREMAN),
                looked.get(REPORTER),
                await self._builds.running(repository_id) is not None,
            )
        )
        return [each for each in found if self._schedule or each.what is not Lateness.SCHEDULER]
