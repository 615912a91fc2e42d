"""Jobs as people see them: with their place, when they should be done, and links to what they have made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from bot.artifact_links import LOG_NAME, ArtifactLinks
from bot.budgets import Budget, expected_gpu_h, held_because
from bot.clock import Clock
from bot.job_line import NIGHTLY_PRIORITY
from bot.job_prospects import Prospects, Work, done_in, remaining
from bot.jobs import FileLink, Job, JobFiles, JobKind, JobState
from bot.store.artifacts import KeptArtifact
from bot.store.jobs import JobStore
from bot.store.stored_jobs import StoredJob, as_job
from pipeline.contract import Artifact

_MOST_FILES = 20
NO_WORKER = "No worker for it is there just now: it begins by itself when one comes."

Present = Callable[[str], Collection[str]]  # a queue -> the names of the workers that take jobs from it now
Swap = Callable[[StoredJob], Awaitable[timedelta]]  # a job -> what changing models adds until it is done


async def _never() -> bool:
    return False


async def _no_swap(_job: StoredJob) -> timedelta:
    return timedelta(0)


class JobViews:
    """Looks at jobs. Without `links` there are no files; without `present` nobody knows who works."""

    def __init__(
        self,
        store: JobStore,
        clock: Clock,
        budget: Budget,
        present: Present | None = None,
        links: ArtifactLinks | None = None,
        is_paused: Callable[[], Awaitable[bool]] = _never,
        swap: Swap = _no_swap,
    ) -> None:
        self._store = store
        self._clock = clock
        self._budget = budget
        self._present = present
        self._links = links
        self._is_paused = is_paused
        self._swap = swap

    async def of(self, stored: StoredJob) -> Job:
        """Return a job as it stands now."""
        now, life = self._clock.now(), stored.life
        job = replace(
            as_job(stored),
            attempt=life.attempt,
            message=life.message,
            progress=life.progress,
            begun_at=life.lease.since if life.lease else None,
            chart_url=self._chart(stored),
            verdict=life.outcome.verdict if life.outcome and life.state is JobState.SUCCEEDED else "",
            files=self._files(stored, now),
        )
        match life.state:
            case JobState.QUEUED:
                ahead = await self._store.line.ahead(stored)
                prospects = await self._waiting(stored, ahead, now)
                cost = await self._cost(stored)
                return replace(job, position=sum(ahead.values()) + 1, prospects=prospects, expected_gpu_h=cost)
            case JobState.RUNNING:
                work = _work(stored, now)
                left = remaining(work, {work.kind: await self._store.times.of_runs(stored.request.kind)})
                return replace(job, prospects=Prospects(now, left))
            case _:
                return job

    async def _waiting(self, stored: StoredJob, ahead: dict[JobKind, int], now: datetime) -> Prospects:
        held = held_because(stored.queue, now, self._budget, await self._is_paused())
        if held or self._present is None:
            return Prospects(now, None, held)
        present = self._present(stored.queue)
        running = await self._store.running()
        busy = [
            (job.life.lease.worker if job.life.lease else "", _work(job, now))
            for job in running
            if job.queue == stored.queue or (job.life.lease is not None and job.life.lease.worker in present)
        ]
        idle = len(set(present) - {worker for worker, _ in busy})
        kinds = {stored.request.kind, *ahead, *(JobKind(work.kind) for _, work in busy)}
        times = {kind.value: await self._store.times.of_runs(kind) for kind in kinds}
        swap = await self._swap(stored)
        before = {kind.value: count for kind, count in ahead.items()}
        wait = done_in(stored.request.kind, before, (work for _, work in busy), idle, times, swap)
        if not busy and not idle:
            return Prospects(now, None, NO_WORKER)
        pause = max(timedelta(0), stored.life.not_before - now) if stored.life.not_before else timedelta(0)
        return Prospects(now, None if wait is None else wait + pause)

    async def _cost(self, stored: StoredJob) -> float | None:
        """Return the GPU hours that a job should take; None where nobody counts them."""
        kind = stored.request.kind
        if not self._budget.counts_hours_of(kind, is_nightly=stored.priority <= NIGHTLY_PRIORITY):
            return None
        return expected_gpu_h(kind, await self._store.times.on_a_gpu(kind))

    def _chart(self, stored: StoredJob) -> str:
        is_there = stored.request.kind is JobKind.EVALUATE and stored.life.state is JobState.SUCCEEDED
        return self._links.chart_link(stored.id) if is_there and self._links is not None else ""

    def _files(self, stored: StoredJob, now: datetime) -> JobFiles:
        """Return links to what the newest attempt has made, and to the log so far; none before it begins."""
        life = stored.life
        if self._links is None or (life.state is JobState.QUEUED and life.attempt == 1):
            return JobFiles()
        found = [
            FileLink(artifact.name, artifact.size, self._links.link(artifact.sha256, artifact.name, now))
            for artifact in made_by(stored, now)
        ]
        found.append(FileLink(LOG_NAME, None, self._links.log_link(stored.id, now)))
        return JobFiles(tuple(found), self._links.last_until(now))


def artifacts_of(stored: StoredJob) -> tuple[Artifact, ...]:
    """Return what a job has told to have made: its result, then the rest."""
    outcome = stored.life.outcome
    if outcome is None:
        return ()
    return (*((outcome.result,) if outcome.result else ()), *outcome.artifacts)


def made_by(stored: StoredJob, now: datetime) -> Iterator[Artifact]:
    """Yield what a job has made, under harmless names; the first few, where there are many."""
    request = stored.request
    for artifact in artifacts_of(stored)[:_MOST_FILES]:
        try:
            yield KeptArtifact.told(artifact, request.repository_id, request.number, now, stored.id).artifact
        except ValueError:
            continue  # the board's log says so


def _work(job: StoredJob, now: datetime) -> Work:
    since = job.life.lease.since if job.life.lease else now
    return Work(job.request.kind, now - since, job.life.progress.share if job.life.progress else None)
