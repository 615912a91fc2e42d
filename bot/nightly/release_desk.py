"""Deciding what is served: promote, roll back, pin, clean up. The database decides, `latest.json` follows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.clock import Clock
from bot.nightly.builds import BuildState
from bot.nightly.releases import Keeping, Release, ReleaseState, previous_of, removable, served_of
from bot.store.builds import BuildStore
from bot.store.desk_log import AuditEntry, DeskLog
from bot.store.releases import ReleaseStore
from pipeline.build_orders import PublishedBuild
from pipeline.model_store import (
    BuildDamagedError,
    BuildRefusedError,
    ModelStore,
    ModelStoreError,
    StoreUnusableError,
)

log = structlog.get_logger()

BY_POLICY = "taxonomy-bot"  # whom the audit names where nobody did it by hand
_NIGHTS_LOOKED_AT = 1000
_TRIES = 5  # to let the pointer follow while others promote
_UNFINISHED_FOR = timedelta(days=1)
_SINCE_THEN: Mapping[BuildState, str] = {
    BuildState.PLANNED: "it has not begun",
    BuildState.RUNNING: "it runs still",
    BuildState.FAILED: "it came to nothing",
    BuildState.CANCELLED: "it was cancelled",
    BuildState.PASSED_OVER: "it was passed over",
    BuildState.GOOD: "it was good, but nothing is written down of its files",
}


class ReleaseRefusedError(Exception):
    """What was asked for is not done; the text says why, and what to do."""


class PointerBehindError(Exception):
    """It is decided, but the store of models could not be told: readers see the change when that works again."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a clean-up removed: releases, and builds that were never published whole."""

    releases: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    freed_bytes: int = 0


class ReleaseDesk:
    """Looks after the releases of all repositories. Several processes may: of two who promote at once, one does."""

    def __init__(
        self,
        releases: ReleaseStore,
        builds: BuildStore,
        audit: DeskLog,
        models: Callable[[int], ModelStore],
        clock: Clock,
    ) -> None:
        """`models` opens the store of one repository's models."""
        self._releases = releases
        self._builds = builds
        self._audit = audit
        self._models = models
        self._clock = clock

    async def promote_by_policy(self, release: Release) -> str:
        """Serve a release that was never served. Return why it is not served now, empty where it is, or was.

        Doing it again changes nothing: neither a release that was withdrawn nor one that was replaced comes back.
        """
        if release.state is not ReleaseState.CANDIDATE:
            return ""
        try:
            await self._promote(release, BY_POLICY, every_byte=False)
        except (ReleaseRefusedError, PointerBehindError) as error:
            now = await self._releases.named(release.repository_id, release.name)
            is_served = now is not None and now.state is ReleaseState.SERVED  # another process was faster
            return "" if is_served and isinstance(error, ReleaseRefusedError) else str(error)
        return ""

    async def why_not_there(self, repository_id: int, published: PublishedBuild) -> str:
        """Return why a build does not stand in the store of models whole, empty where it does.

        Files are looked at by their sizes. Raises StoreUnusableError.
        """
        try:
            await asyncio.to_thread(self._models(repository_id).check, published)
        except StoreUnusableError:
            raise
        except ModelStoreError as error:
            return str(error)
        return ""

    async def promote(self, repository_id: int, name: str, by: str) -> Release:
        """Serve a build, after reading all of it in the store. Raises ReleaseRefusedError, PointerBehindError."""
        return await self._promote(await self._there(repository_id, name), by, every_byte=True)

    async def rollback(self, repository_id: int, by: str) -> tuple[Release, Release]:
        """Serve what was promoted before, and withdraw what is served; return both in this order.

        It has to be quick: files are looked at by their sizes only. Raises as `promote` does.
        """
        known = await self._releases.all_of(repository_id)
        served, before = served_of(known), previous_of(known)
        if served is None:
            raise ReleaseRefusedError("Nothing is served yet, so there is nothing to roll back.")
        if before is None:
            raise ReleaseRefusedError(
                f"{served.name} is served, and nothing that was promoted before it is left. `nightly releases` "
                "shows what there is; `nightly promote BUILD` serves any of it."
            )
        await self._check(before, every_byte=False)
        if not await self._releases.rollback(before, served, self._clock.now()):
            raise _changed_meanwhile()
        await self._note(before, "nightly rollback", by, "operator")
        await self._follow_or_say(repository_id, before.name)
        return before, served

    async def pin(self, repository_id: int, name: str, by: str) -> Release:
        """Measure slow drift against a release from now on. Raises ReleaseRefusedError."""
        release = await self._there(repository_id, name)
        await self._check(release, every_byte=False)
        if not await self._releases.pin(release, self._clock.now()):
            raise _changed_meanwhile()
        await self._note(release, "nightly pin", by, "operator")
        return release

    async def follow(self, repository_id: int) -> bool:
        """Let `latest.json` name what is served, unless it does; return whether it had to be written.

        Whoever writes looks again afterwards, so of several that write at once the last one writes what counts.
        Raises ModelStoreError.
        """
        models = self._models(repository_id)
        for tried in range(_TRIES):
            served = await self._releases.served(repository_id)
            if served is None or await asyncio.to_thread(_named, models) == served.published:
                return tried > 0
            await asyncio.to_thread(models.point_latest, served.published)
        return True

    async def clean_up(self, repository_id: int, newest: int, keep_served_for: timedelta) -> Cleaned:
        """Remove releases that nobody needs, and what was never published whole. Raises ModelStoreError.

        What is served or pinned, what the next build is compared with, and what a rollback brings back stay.
        """
        now, models = self._clock.now(), self._models(repository_id)
        keeping = Keeping(newest, now - keep_served_for)
        doomed = removable(await self._releases.all_of(repository_id), keeping)
        # the database first: nobody can promote it any more
        gone = [release for release in doomed if await self._releases.removed(release)]
        known = await self._releases.all_of(repository_id)
        names = {release.name for release in known if release.state is ReleaseState.REMOVED}
        unfinished = await asyncio.to_thread(_remove, models, names, now)
        if gone or unfinished:
            log.info("release.cleaned_up", repository_id=repository_id, names=[each.name for each in gone])
        return Cleaned(tuple(each.name for each in gone), tuple(unfinished), sum(each.size for each in gone))

    async def _promote(self, release: Release, by: str, *, every_byte: bool) -> Release:
        served = await self._releases.served(release.repository_id)
        if served is not None and served.id == release.id:
            if await self._follow_or_say(release.repository_id, release.name):
                return release  # it was decided before, and the store could not be told then
            raise ReleaseRefusedError(f"{release.name} is what is served already.")
        await self._check(release, every_byte=every_byte)
        if not await self._releases.promote(release, served, by, self._clock.now()):
            raise _changed_meanwhile()
        await self._note(release, "nightly promote", by, "policy" if by == BY_POLICY else "operator")
        await self._follow_or_say(release.repository_id, release.name)
        found = await self._releases.named(release.repository_id, release.name)
        return found or release

    async def _there(self, repository_id: int, name: str) -> Release:
        """Return the release of a name. Raises ReleaseRefusedError in plain words where there is none."""
        release = await self._releases.named(repository_id, name)
        if release is None:
            raise ReleaseRefusedError(await self._why_not(repository_id, name))
        if release.state is ReleaseState.REMOVED:
            raise ReleaseRefusedError(
                f"The files of {release.name} were cleaned up. `nightly releases` shows what is left; "
                "RELEASES_KEPT and RELEASE_DAYS say how much is."
            )
        return release

    async def _why_not(self, repository_id: int, name: str) -> str:
        known = await self._builds.newest(repository_id, _NIGHTS_LOOKED_AT)
        build = next((each for each in known if each.name == name), None)
        if build is None:
            return f"There is no build {name!r}. `nightly releases` shows what there is, such as 2026-01-05.1."
        because = f": {build.because}" if build.because else ""
        return f"The build {name} is not published: {_SINCE_THEN[build.state]}{because.rstrip('.')}."

    async def _check(self, release: Release, *, every_byte: bool) -> None:
        models = self._models(release.repository_id)
        try:
            await asyncio.to_thread(models.check, release.published, every_byte=every_byte)
        except StoreUnusableError as error:
            raise ReleaseRefusedError(f"{error} Nothing was changed: try again.") from error
        except ModelStoreError as error:
            raise ReleaseRefusedError(f"{error} Nothing was changed.") from error

    async def _follow_or_say(self, repository_id: int, name: str) -> bool:
        try:
            return await self.follow(repository_id)
        except ModelStoreError as error:
            raise PointerBehindError(
                f"{name} is to be served, and that is written down. But the store could not be told: {error} The "
                f"bot tries again by itself; `nightly promote {name}` does it at once when the store works."
            ) from error

    async def _note(self, release: Release, act: str, by: str, role: str) -> None:
        now = self._clock.now()
        source = f"release:{release.id}:{now.timestamp():.6f}"
        entry = AuditEntry(
            release.repository_id, 0, now, 0, by[:64], role, act, release.name, release.commit, "done", source
        )
        await self._audit.add(entry)


def _named(models: ModelStore) -> object:
    """Return what `latest.json` names; None where it is missing or cannot be read: it is written anew then."""
    try:
        return models.latest()
    except BuildDamagedError:
        return None


def _remove(models: ModelStore, names: set[str], now: datetime) -> list[str]:
    """Remove builds, also those that an earlier clean-up did not come to; return what was never whole and went."""
    for name in names.intersection(models.names()):
        try:
            models.remove(name)
        except BuildRefusedError:  # the pointer is behind: it goes once that has followed
            log.warning("release.not_removed", name=name)
    return models.remove_unfinished(now - _UNFINISHED_FOR)


def _changed_meanwhile() -> ReleaseRefusedError:
    return ReleaseRefusedError(
        "Somebody else has changed what is served just now. `nightly releases` shows how it stands; then try again."
    )
