"""The scheduler: plans in the background what is due, for each repository by itself."""

from __future__ import annotations

import asyncio

import structlog

from bot.clock import Clock
from bot.github.errors import GitHubError
from bot.nightly.desk import NightlyDesk
from bot.nightly.schedule import Schedule
from bot.store.repositories import RepositoryStore

log = structlog.get_logger()

_LOOKS_EVERY_S = 300.0  # at least: the machine may have slept, or GitHub may have been away when it was due


class NightlyScheduler:
    """Plans when it is due. Several processes may: one of them writes the build down."""

    def __init__(
        self,
        desk: NightlyDesk,
        repositories: RepositoryStore,
        schedule: Schedule,
        clock: Clock,
        serves: frozenset[int],
    ) -> None:
        """`serves` are ids of repositories."""
        self._desk = desk
        self._repositories = repositories
        self._schedule = schedule
        self._clock = clock
        self._serves = serves
        self._task: asyncio.Task[None] | None = None
        self.looks_done = 0

    async def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="nightly")

    async def stop(self) -> None:
        """Stop, also in the middle of planning: what is due is found again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Plan what is due; whatever is wrong with one repository is no matter of the others."""
        for known in await self._repositories.all_known():
            repository_id = known.origin.repository_id
            if repository_id not in self._serves or not known.is_adopted:
                continue
            try:
                await self._desk.note_look(known)
                await self._desk.plan_if_due(known)
            except GitHubError as error:  # tried again at the next look
                log.error("nightly.not_planned", repository_id=repository_id, error=str(error))
            except Exception:
                log.exception("nightly.crashed", repository_id=repository_id)

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:  # the database stumbled
                log.exception("nightly.crashed")
            self.looks_done += 1
            now = self._clock.now()
            due_in_s = (self._schedule.next_after(now) - now).total_seconds()
            await self._clock.sleep(min(due_in_s, _LOOKS_EVERY_S))
