"""The labels of a build's pull requests: `cmb-running` while it runs, `sdg-unsuccessful` where a leaf gave none."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import structlog

from bot.actions import Action, AddLabels, RemoveLabel
from bot.apply import Writer
from bot.clock import Clock
from bot.effects import EffectDesk
from bot.events import Origin
from bot.github.client import GitHubApp
from bot.github.errors import NotFoundError
from bot.github.gate import SilentError
from bot.github.pulls import PullReader
from bot.labels import Label
from bot.locks import PullLocks
from bot.store.pull_requests import PullRequestStore
from bot.workflow import Trigger

log = structlog.get_logger()


class BuildLabels:
    """Moves the label. Doing the same twice changes nothing more. Raises the errors of `bot.github.errors`."""

    def __init__(
        self, app: GitHubApp, memories: PullRequestStore, effects: EffectDesk, locks: PullLocks, clock: Clock
    ) -> None:
        self._app = app
        self._memories = memories
        self._effects = effects
        self._locks = locks
        self._clock = clock

    async def build_began(self, origin: Origin, numbers: Iterable[int]) -> None:
        """Show on each pull request that the build which runs includes it."""
        for number in numbers:
            async with self._locks.of(origin, number):
                await self._move(origin, number, Trigger.BUILD_BEGAN, is_running=True)

    async def build_ended(self, origin: Origin, numbers: Iterable[int]) -> None:
        """Show on each pull request that no build includes it now."""
        for number in numbers:
            async with self._locks.of(origin, number):
                await self._move(origin, number, Trigger.BUILD_ENDED, is_running=False)

    async def leaf_failed(self, origin: Origin, numbers: Iterable[int]) -> None:
        """Show on each pull request that nothing could be generated from a leaf that it brought."""
        for number in numbers:
            async with self._locks.of(origin, number):
                await self._put(origin, number, Label.SDG_UNSUCCESSFUL, on=True)

    async def leaf_helped(self, origin: Origin, numbers: Iterable[int]) -> None:
        """Show on each pull request that its leaves are in a build after all."""
        for number in numbers:
            async with self._locks.of(origin, number):
                await self._put(origin, number, Label.SDG_UNSUCCESSFUL, on=False)

    async def _move(self, origin: Origin, number: int, trigger: Trigger, *, is_running: bool) -> None:
        """Change our own record first, then GitHub; one that was merged without us has no record to change."""
        memory = await self._memories.get(origin.repository_id, number)
        if memory is not None and (Label.BUILD_RUNNING in memory.status.flags) is not is_running:
            await self._memories.save(await self._effects.fire(memory, trigger, None), self._clock.now())
        await self._put(origin, number, Label.BUILD_RUNNING, on=is_running)

    async def _put(self, origin: Origin, number: int, label: Label, *, on: bool) -> None:
        client = self._app.installation(origin.installation_id)
        try:
            pull = await PullReader(client, origin.full_name).pull(number)
        except NotFoundError:
            log.info("nightly.pull_is_gone", number=number)
            return
        if (label in pull.labels) is not on:
            action: Action = AddLabels((label,)) if on else RemoveLabel(label)
            with suppress(SilentError):  # the pages show it
                await Writer(client, pull, self._clock).apply([action])
