"""Looking after releases unasked: served where the policy says so, the pointer kept true, old ones removed."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from bot.clock import Clock
from bot.github.client import GitHubApp
from bot.github.listings import place_of
from bot.github.pulls import PullReader
from bot.nightly.release_desk import ReleaseDesk
from bot.nightly.releases import Release
from bot.policies import Policies
from bot.store.history import History
from bot.store.repositories import KnownRepository
from pipeline.model_store import ModelStoreError

log = structlog.get_logger()

_CHORE, _CLEANED_EVERY = "releases", timedelta(days=1)
_LOOKS_EVERY_S = 300.0


class ReleaseKeeper:
    """Looks after the releases of all repositories, in the background. Several processes may."""

    def __init__(
        self,
        desk: ReleaseDesk,
        app: GitHubApp,
        policies: Policies,
        history: History,
        clock: Clock,
        serves: frozenset[int],
        newest_kept: int,
        keep_served_for: timedelta,
    ) -> None:
        """`serves` are ids of repositories; of each, so many of the newest releases are kept."""
        self._desk = desk
        self._app = app
        self._policies = policies
        self._history = history
        self._clock = clock
        self._serves = serves
        self._newest_kept = newest_kept
        self._keep_served_for = keep_served_for
        self._task: asyncio.Task[None] | None = None

    async def promote(self, known: KnownRepository, release: Release) -> str:
        """Serve a release at once where the policy says so. Return why it is not, where it was tried in vain.

        Raises the errors of `bot.github.errors`.
        """
        client = self._app.installation(known.origin.installation_id)
        place = await place_of(client, known.origin.repository_id)
        reader = PullReader(client, place.full_name)
        policy = await self._policies.of_branch(reader, known.origin.repository_id, place.default_branch)
        if not policy.builds.auto_promote:
            return ""
        why_not = await self._desk.promote_by_policy(release)
        log.info("release.promoted_by_policy", name=release.name, why_not=why_not)
        return why_not

    async def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="releases")

    async def stop(self) -> None:
        """Stop, also in the middle: what is left to do is found again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Put right what is not as decided; whatever is wrong with one repository is no matter of the others."""
        for repository_id in sorted(self._serves):
            try:
                await self._look_at(repository_id)
            except ModelStoreError as error:  # tried again at the next look
                log.warning("release.store_trouble", repository_id=repository_id, error=str(error))
            except Exception:
                log.exception("release.crashed", repository_id=repository_id)

    async def _look_at(self, repository_id: int) -> None:
        if await self._desk.follow(repository_id):
            log.info("release.pointer_follows", repository_id=repository_id)
        now = self._clock.now()
        last = await self._history.last_done(repository_id, _CHORE)
        if last is None or now - last >= _CLEANED_EVERY:
            await self._desk.clean_up(repository_id, self._newest_kept, self._keep_served_for)
            await self._history.note_done(repository_id, _CHORE, now)

    async def _run(self) -> None:
        while True:
            await self.look()
            await self._clock.sleep(_LOOKS_EVERY_S)
