"""Telling contributors what the first published build with their contribution did with it: once each, ever."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import structlog

from bot.actions import RemoveLabel, Reply
from bot.apply import Writer
from bot.clock import Clock
from bot.comments.markers import MarkerSigner
from bot.comments.released import released
from bot.effects import EffectDesk
from bot.events import Origin
from bot.github.client import GitHubApp
from bot.github.errors import NotFoundError, RefusedError
from bot.github.pulls import PullReader
from bot.locks import PullLocks
from bot.nightly.build_view import BuildView
from bot.nightly.builds import Build, BuildState
from bot.nightly.leaves import LeafChange
from bot.nightly.releases import Release
from bot.nightly.viewing import ViewRoom
from bot.store.announcements import AnnouncementStore
from bot.store.builds import BuildStore
from bot.store.pull_requests import PullRequestStore
from bot.workflow import RELEASED_DROPS, Trigger

log = structlog.get_logger()

_WITHIN = timedelta(days=14)  # after a build was promoted; later nobody waits for the word any more
_MOST_BUILDS = 60


class Teller:
    """Writes the comments and moves the labels. Doing it twice says nothing twice."""

    def __init__(
        self,
        app: GitHubApp,
        room: ViewRoom,
        builds: BuildStore,
        said: AnnouncementStore,
        memories: PullRequestStore,
        effects: EffectDesk,
        signer: MarkerSigner,
        locks: PullLocks,
        clock: Clock,
    ) -> None:
        self._app = app
        self._room = room
        self._builds = builds
        self._said = said
        self._memories = memories
        self._effects = effects
        self._signer = signer
        self._locks = locks
        self._clock = clock

    async def untold(self, repository_id: int, releases: Sequence[Release]) -> list[Release]:
        """Return the releases that were promoted lately and of which somebody is still to be told, oldest first."""
        since = self._clock.now() - _WITHIN
        lately = [each for each in releases if each.promoted_at is not None and each.promoted_at >= since]
        told = await self._said.of_all(repository_id, [_topic(each) for each in lately])
        return sorted((each for each in lately if _topic(each) not in told), key=lambda each: each.id)

    async def tell(self, origin: Origin, release: Release) -> None:
        """Tell everybody whose contribution a release is the first published one with.

        These are the pull requests of its build, and those of good builds before it that were never published
        themselves. Raises the errors of `bot.github.errors`; what is said by then is not said again.
        """
        repository_id = origin.repository_id
        newest = await self._builds.newest(repository_id, _MOST_BUILDS)
        known = {build.id: build for build in newest}
        if (published := known.get(release.build_id)) is None:
            await self._said.made(repository_id, _topic(release), self._clock.now())
            return
        of_them = [build for build in newest if build.night <= published.night and build.state is BuildState.GOOD]
        everybody = True
        for build in reversed(of_them):
            view = await self._room.view(build, origin.full_name)
            for number in view.included_pulls:
                everybody &= await self._tell_one(origin, number, view, published)
        if everybody:
            await self._said.made(repository_id, _topic(release), self._clock.now())

    async def _tell_one(self, origin: Origin, number: int, view: BuildView, published: Build) -> bool:
        """Tell one author. Return False while somebody else is doing so."""
        repository_id, topic = origin.repository_id, f"pull:{number}"
        if await self._said.of(repository_id, topic) is not None:
            return True
        if not await self._said.claim(repository_id, topic, self._clock.now()):
            return False
        try:
            async with self._locks.of(origin, number):
                await self._say(origin, number, view, published)
        except (NotFoundError, RefusedError) as error:  # deleted, or its conversation is locked
            log.info("nightly.contributor_not_told", number=number, error=str(error))
        except BaseException:
            await self._said.leave(repository_id, topic)
            raise
        await self._said.made(repository_id, topic, self._clock.now(), published.id, published.name)
        return True

    async def _say(self, origin: Origin, number: int, view: BuildView, published: Build) -> None:
        client = self._app.installation(origin.installation_id)
        pull = await PullReader(client, origin.full_name).pull(number)
        measured = {row.number: row.benchmark for row in view.gate.contributions} if view.gate else {}
        mine = [leaf for leaf in view.plan.leaves if number in leaf.pulls]
        text = released(
            pull.author,
            published.name,
            published.night,
            measured.get(number),
            measured_in=view.name,
            stands_in=view.stands_in,
            is_removal=all(leaf.change is LeafChange.REMOVED for leaf in mine),
        )
        memory = await self._memories.get(origin.repository_id, number)
        if memory is not None and memory.status.flags & RELEASED_DROPS:
            after = await self._effects.fire(memory, Trigger.RELEASED, None)
            await self._memories.save(after, self._clock.now())
        marker = self._signer.reply_marker("published", origin.repository_id, number)
        over = [RemoveLabel(label) for label in sorted(RELEASED_DROPS & pull.labels)]
        await Writer(client, pull, self._clock).apply([Reply(text, marker), *over])


def _topic(release: Release) -> str:
    return f"told:{release.name}"
