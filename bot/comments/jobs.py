"""Jobs in words: what is being computed of a pull request, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.comments.escape import code
from bot.jobs import Job, JobState

_ENDS = {
    JobState.SUCCEEDED: "is done.",
    JobState.FAILED_BY_CONTRIBUTION: "could make nothing of these examples; a triager looks why.",
    JobState.INFRA_ERROR: "broke down: our fault, not yours. `/retry` has it tried again.",
    JobState.TIMED_OUT: "took too long and was ended. `/retry` has it tried again.",
    JobState.CANCELLED: "was cancelled.",
}


def job_lines(jobs: Iterable[Job], head_sha: str) -> Iterator[str]:
    """Yield one line for all that is being computed, and one for the newest end of each kind at the head."""
    newest = {job.request.kind: job for job in jobs if job.state is not JobState.SUPERSEDED}
    going = [job for job in newest.values() if not job.state.is_over]
    if going:
        yield f"Being computed: {', '.join(f'{job.request.kind} ({stage(job)})' for job in going)}."
    for job in newest.values():
        if job.state.is_over and job.request.head_sha == head_sha:
            yield f"The job {code(job.request.kind)} {_ENDS[job.state]}"


def job_in_full(job: Job) -> str:
    """Return a job with its number, its commit and how it stands: "Job 3, generate at `1a2b3c4`: running"."""
    return f"Job {job.id}, {job.request.kind} at {code(job.request.head_sha[:7])}: {stage(job)}"


def stage(job: Job) -> str:
    """Return how a job stands, with its place while it waits: "2nd in the queue"."""
    if job.state is not JobState.QUEUED:
        return job.state.value
    return "next in the queue" if job.position == 1 else f"{_ordinal(job.position)} in the queue"


def _ordinal(number: int) -> str:
    endings = {} if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{endings.get(number % 10, 'th')}"
