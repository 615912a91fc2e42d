"""Jobs: what a person may ask to be computed about a pull request, and the port through which it is queued."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bot.job_prospects import NOTHING_KNOWN, Prospects
from checks.contribution import Login, Sha
from pipeline.contract import Progress


class JobKind(StrEnum):
    """What is computed."""

    PRECHECK = "precheck"  # does the base model know this already?
    GENERATE = "generate"  # synthetic data
    EVALUATE = "evaluate"  # tune an adapter and measure what it changes
    POSTCHECK = "postcheck"  # the precheck's questions, asked of the tuned model
    # the steps of a nightly build, which also generates (bot/nightly/steps.py)
    MIX = "mix"  # one set to train on, of the data of all leaves
    TRAIN = "train"  # a phase
    SCORE = "score"  # one checkpoint
    SELECT = "select"  # the best checkpoint of a phase
    VARIANT = "variant"  # another training to compare with: another seed, or without some leaves
    GATE = "gate"  # the candidate against the last good build and the pinned release
    PACKAGE = "package"  # what is published


# what is asked for by a command; the others are steps of builds
OF_PULLS = (JobKind.PRECHECK, JobKind.GENERATE, JobKind.EVALUATE, JobKind.POSTCHECK)

# what has to be done before, at the same commit: its files are what the job is given
BUILDS_ON = {JobKind.EVALUATE: JobKind.GENERATE, JobKind.POSTCHECK: JobKind.EVALUATE}


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED_BY_CONTRIBUTION = "failed by contribution"
    INFRA_ERROR = "infrastructure error"
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"

    @property
    def is_over(self) -> bool:
        """True when nothing more happens to it."""
        return self not in (JobState.QUEUED, JobState.RUNNING)

    @property
    def is_retriable(self) -> bool:
        """True when asking for it again may come to something else."""
        return self.is_over and self not in (JobState.SUCCEEDED, JobState.SUPERSEDED)


@dataclass(frozen=True, slots=True)
class JobRequest:
    """One job that somebody asks for, at one commit. `source` is where: asked once, it is queued once.

    `content_digest` says what that commit holds, so that a job outlives a push that changes nothing; it is empty
    where nobody knows. A step of a build names the build, its attempt and the step; its `number` is 0.
    """

    repository_id: int
    number: int
    kind: JobKind
    head_sha: Sha
    asked_by_id: int
    asked_by: Login
    source: str
    content_digest: str = ""
    build_id: int = 0
    build_attempt: int = 0
    step: str = ""
    variant: str = ""  # JSON: what a step does otherwise that trains for comparison

    @property
    def is_of_build(self) -> bool:
        """True for a step of a build, which is about no pull request."""
        return self.build_id > 0

    def is_about(self, head_sha: str, content_digest: str) -> bool:
        """True for what is at that commit, or at another one that holds the same."""
        return self.head_sha == head_sha or bool(content_digest and self.content_digest == content_digest)


@dataclass(frozen=True, slots=True)
class FileLink:
    """A file of a job. `size` in bytes, None while it grows; `url` is empty where we have no public address."""

    name: str
    size: int | None
    url: str


@dataclass(frozen=True, slots=True)
class JobFiles:
    """What a job has made, and its log; the links work until `until`."""

    links: tuple[FileLink, ...] = ()
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it stands. `position` counts from 1 while it is queued, else it is 0.

    `message` and `progress` are its worker's words: to be shown shortened and escaped.
    """

    id: int
    request: JobRequest
    state: JobState
    queued_at: datetime
    position: int = 0
    attempt: int = 1
    message: str = ""
    progress: Progress | None = None
    begun_at: datetime | None = None
    prospects: Prospects = NOTHING_KNOWN
    files: JobFiles = JobFiles()
    chart_url: str = ""
    verdict: str = ""  # what it found, in a word or two, once it has succeeded
    expected_gpu_h: float | None = None  # while it waits, where GPU hours are limited


def of_kind_at(jobs: Iterable[Job], kind: JobKind, head_sha: Sha) -> Job | None:
    """Return the newest job of a kind at a commit that goes on or has succeeded; None when there is none."""
    return max(
        (
            job
            for job in jobs
            if job.request.kind is kind
            and job.request.head_sha == head_sha
            and (not job.state.is_over or job.state is JobState.SUCCEEDED)
        ),
        key=lambda job: job.id,
        default=None,
    )


def followed(request: JobRequest, state: JobState, head_sha: Sha, content_digest: str) -> JobRequest:
    """Return what a job is asked for once a commit is the head: there, if it holds the same and the job counts."""
    counts = state not in (JobState.CANCELLED, JobState.SUPERSEDED)
    return replace(request, head_sha=head_sha) if counts and request.is_about(head_sha, content_digest) else request


_NO_WORKERS = (
    "No workers are set up here, so nothing can be computed. Ask a maintainer; once there are some, try again."
)


class JobsUnavailableError(Exception):
    """Nothing can be queued now; the text says why and when to try again, in Markdown."""


def has_not_failed(job_id: int) -> str:
    """Say that there is nothing to retry."""
    return f"Job {job_id} has not failed, so there is nothing to retry: it waits, runs or is done. See `/status`."


def no_such_job(job_id: int) -> str:
    """Say that nobody knows of a job."""
    return f"There is no job {job_id} any more. `/status` lists those of this pull request."


class JobQueue(Protocol):
    """What the desk needs of jobs. Every method may be called again after a crash without doing anything twice."""

    async def submit(self, request: JobRequest, at: datetime) -> Job:
        """Queue a job, or return the one that the same source has queued, or an equal one that is not over.

        Raises JobsUnavailableError.
        """
        ...

    async def of_pull(self, repository_id: int, number: int) -> tuple[Job, ...]:
        """Return the jobs of a pull request, oldest first."""
        ...

    async def find(self, job_id: int) -> Job | None:
        """Return a job by its number, of whichever pull request."""
        ...

    async def show_again(self, job_id: int) -> None:
        """Have its check run written anew, as it stands."""
        ...

    async def end(self, repository_id: int, number: int, state: JobState, job_id: int | None = None) -> int:
        """Cancel or supersede the jobs that are not over: one, or all. Return how many."""
        ...

    async def follow(self, repository_id: int, number: int, head_sha: Sha, content_digest: str) -> int:
        """Make the jobs about this content, asked for at other commits, jobs of this one. Return how many moved.

        Those that were cancelled or superseded stay where they are.
        """
        ...

    async def retry(self, repository_id: int, number: int, job_id: int, at: datetime) -> Job:
        """Queue a job anew that came to nothing: only what had failed of it. Raises JobsUnavailableError."""
        ...


class NoJobs:
    """Where no workers are set up: every job is refused, with a word why."""

    async def submit(self, request: JobRequest, at: datetime) -> Job:
        """Refuse."""
        raise JobsUnavailableError(_NO_WORKERS)

    async def of_pull(self, repository_id: int, number: int) -> tuple[Job, ...]:
        """Return nothing."""
        return ()

    async def find(self, job_id: int) -> Job | None:
        """Return nothing."""
        return None

    async def show_again(self, job_id: int) -> None:
        """Do nothing."""

    async def end(self, repository_id: int, number: int, state: JobState, job_id: int | None = None) -> int:
        """Return that nothing ended."""
        return 0

    async def follow(self, repository_id: int, number: int, head_sha: Sha, content_digest: str) -> int:
        """Return that nothing moved."""
        return 0

    async def retry(self, repository_id: int, number: int, job_id: int, at: datetime) -> Job:
        """Refuse."""
        raise JobsUnavailableError(_NO_WORKERS)


class JobsInMemory:
    """A queue that keeps jobs while the process lives and runs none: for the desk without workers."""

    def __init__(self) -> None:
        self._jobs: dict[int, Job] = {}
        self._ids = itertools.count(1)

    def begin(self, job_id: int) -> Job:
        """Take a worker's report that a queued job runs now."""
        if self._jobs[job_id].state is JobState.QUEUED:
            self._jobs[job_id] = replace(self._jobs[job_id], state=JobState.RUNNING)
        return self._jobs[job_id]

    def finish(self, job_id: int, state: JobState) -> Job:
        """Take a worker's report of what a job came to; one that was cancelled meanwhile stays cancelled.

        Raises ValueError for a state that is no end.
        """
        if not state.is_over:
            raise ValueError(f"{state} is no end of a job")
        if not self._jobs[job_id].state.is_over:
            self._jobs[job_id] = replace(self._jobs[job_id], state=state)
        return self._jobs[job_id]

    async def submit(self, request: JobRequest, at: datetime) -> Job:
        """Queue a job."""
        for job in self._jobs.values():
            known = job.request
            if known.source == request.source and known.kind is request.kind:
                return self._placed(job)
            is_same = _is_of(job, request.repository_id, request.number) and known.kind is request.kind
            if is_same and known.head_sha == request.head_sha and not job.state.is_over:
                return self._placed(job)
        job = Job(next(self._ids), request, JobState.QUEUED, at)
        self._jobs[job.id] = job
        return self._placed(job)

    async def of_pull(self, repository_id: int, number: int) -> tuple[Job, ...]:
        """Return the jobs of a pull request."""
        return tuple(self._placed(job) for job in self._jobs.values() if _is_of(job, repository_id, number))

    async def find(self, job_id: int) -> Job | None:
        """Return a job."""
        job = self._jobs.get(job_id)
        return self._placed(job) if job else None

    async def show_again(self, job_id: int) -> None:
        """Do nothing: nobody shows these jobs."""

    async def end(self, repository_id: int, number: int, state: JobState, job_id: int | None = None) -> int:
        """Cancel or supersede."""
        ended = [
            job
            for job in self._jobs.values()
            if _is_of(job, repository_id, number) and not job.state.is_over and job_id in (None, job.id)
        ]
        for job in ended:
            self._jobs[job.id] = replace(job, state=state)
        return len(ended)

    async def follow(self, repository_id: int, number: int, head_sha: Sha, content_digest: str) -> int:
        """Move to another commit with the same content."""
        moved = [
            replace(job, request=request)
            for job in self._jobs.values()
            if _is_of(job, repository_id, number)
            and (request := followed(job.request, job.state, head_sha, content_digest)) != job.request
        ]
        self._jobs |= {job.id: job for job in moved}
        return len(moved)

    async def retry(self, repository_id: int, number: int, job_id: int, at: datetime) -> Job:
        """Queue a job anew."""
        job = self._jobs.get(job_id)
        if job is None or not _is_of(job, repository_id, number) or not job.state.is_retriable:
            raise JobsUnavailableError(has_not_failed(job_id))
        self._jobs[job_id] = replace(job, state=JobState.QUEUED, queued_at=at)
        return self._placed(self._jobs[job_id])

    def _placed(self, job: Job) -> Job:
        if job.state is not JobState.QUEUED:
            return job
        ahead = sum(
            1
            for other in self._jobs.values()
            if other.state is JobState.QUEUED and (other.queued_at, other.id) < (job.queued_at, job.id)
        )
        return replace(job, position=ahead + 1)


def _is_of(job: Job, repository_id: int, number: int) -> bool:
    return (job.request.repository_id, job.request.number) == (repository_id, number)
