"""The jobs of a build's steps, of which only those are read again that have changed: there may be ten thousand."""

from __future__ import annotations

from collections.abc import Mapping

from bot.nightly.builds import Build
from bot.store.jobs import JobStore
from bot.store.stored_jobs import StoredJob


class StepRows:
    """Reads the jobs of steps, and remembers those of the build of each repository that was asked for last."""

    def __init__(self, jobs: JobStore) -> None:
        self._jobs = jobs
        self._known: dict[int, tuple[tuple[int, int], Mapping[int, StoredJob]]] = {}  # of a build and its attempt

    async def of(self, build: Build) -> dict[str, StoredJob]:
        """Return the jobs of a build as it is planned now, by step, oldest first."""
        of = (build.id, build.attempt)
        before, known = self._known.get(build.repository_id, (of, {}))
        if before != of:
            known = {}
        revisions = await self._jobs.revisions_of_build(*of)
        read = await self._jobs.some(
            [id_ for id_, revision in revisions.items() if id_ not in known or known[id_].revision != revision]
        )
        now = {id_: read.get(id_) or known[id_] for id_ in revisions}
        self._known[build.repository_id] = (of, now)
        return {job.request.step: job for job in now.values()}
