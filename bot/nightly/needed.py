"""Which artifacts builds need, however old they are: a clean-up leaves them alone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.job_views import artifacts_of
from bot.nightly.builds import Build
from bot.store.builds import BuildStore
from bot.store.jobs import JobStore
from bot.store.leaf_data import LeafDataStore
from bot.store.releases import ReleaseStore


class NeededByBuilds:
    """Looks up what builds need: that which runs, the last good one, those that others are compared with."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._builds = BuildStore(engine)
        self._jobs = JobStore(engine)
        self._leaf_data = LeafDataStore(engine)
        self._releases = ReleaseStore(engine)

    async def hashes(self, keep_since: datetime, *, dry_run: bool) -> frozenset[str]:
        """Return the SHA-256 of all that is needed: what these builds have made, and the data of their leaves.

        Data that no build has taken in since `keep_since`, nor one of these, are forgotten: what is deleted must
        not be taken for a leaf's data any more.
        """
        builds = [build for each in await self._builds.repositories() for build in await self._needed_of(each)]
        used_since = min([keep_since, *(build.began_at or build.planned_at for build in builds)])
        if not dry_run:
            await self._leaf_data.forget(used_since)
        found = set(await self._leaf_data.hashes(used_since))
        for build in builds:
            for job in await self._jobs.of_build(build.id):
                found |= {artifact.sha256 for artifact in artifacts_of(job)}
        return frozenset(found)

    async def _needed_of(self, repository_id: int) -> list[Build]:
        last, pinned = await self._releases.last_good(repository_id), await self._releases.pinned(repository_id)
        found = [await self._builds.running(repository_id), await self._builds.last_good(repository_id)]
        found += [await self._builds.get(release.build_id) for release in (last, pinned) if release is not None]
        return [build for build in found if build is not None]
