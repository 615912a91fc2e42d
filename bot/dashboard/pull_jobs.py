"""The jobs of one pull request as its pages read them: the newest with a result, and what that says."""

from __future__ import annotations

from collections.abc import Iterable

from bot.dashboard.visit import Visit
from bot.job_results import JobResult, result_of
from bot.jobs import JobKind, JobState
from bot.store.jobs import JobStore
from bot.store.stored_jobs import StoredJob

_HAVE_RESULTS = (JobState.SUCCEEDED, JobState.FAILED_BY_CONTRIBUTION)
MOST_RESULT_BYTES = 8 * 1024 * 1024  # of a result that is read into memory for a page


async def jobs_of(visit: Visit, number: int) -> list[StoredJob]:
    """Return the jobs of a pull request, the newest first."""
    found = await JobStore(visit.house.reads).of_pull(visit.repository_id, number)
    return sorted(found, key=lambda job: -job.id)


def with_results(jobs: Iterable[StoredJob], kind: JobKind) -> list[StoredJob]:
    """Return those of a kind that have found something, in the same order."""
    return [
        job
        for job in jobs
        if job.request.kind is kind
        and job.life.state in _HAVE_RESULTS
        and job.life.outcome is not None
        and job.life.outcome.result is not None
    ]


def chosen(visit: Visit, jobs: list[StoredJob]) -> StoredJob | None:
    """Return the job that the address names by its number, else the first."""
    wanted = visit.request.query.get("job", "")
    return next((job for job in jobs if str(job.id) == wanted), jobs[0] if jobs else None)


def under_way(jobs: Iterable[StoredJob], kind: JobKind) -> StoredJob | None:
    """Return the newest of a kind that waits or runs."""
    return next((job for job in jobs if job.request.kind is kind and not job.life.state.is_over), None)


async def read_result(visit: Visit, job: StoredJob) -> JobResult | None:
    """Return what a job found; None where that cannot be read, or is too large for a page."""
    outcome = job.life.outcome
    if outcome is None or outcome.result is None or outcome.result.size > MOST_RESULT_BYTES:
        return None
    async with visit.house.reading:
        return await result_of(job, visit.house.artifacts)
