"""The job engine: the port through which the desk queues, cancels and retries; the database is the queue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

import structlog

from bot.budgets import Budget, expected_gpu_h, refusal
from bot.clock import Clock
from bot.job_flow import begun_again, ended
from bot.job_line import PULL_REQUEST_PRIORITY, due_at
from bot.job_mail import BrokerAwayError, JobMail
from bot.jobs import Job, JobKind, JobRequest, JobState, JobsUnavailableError
from bot.store.jobs import JobStore, StoredJob, as_job
from pipeline.contract import Confirmation, Queue

log = structlog.get_logger()

QUEUE_OF: dict[JobKind, Queue] = {
    JobKind.PRECHECK: Queue.CPU,
    JobKind.GENERATE: Queue.SDG,
    JobKind.EVALUATE: Queue.EVAL,
    JobKind.POSTCHECK: Queue.EVAL,
}

OnChange = Callable[[StoredJob, StoredJob], Awaitable[None]]  # before, after


class JobEngine:
    """Queues, cancels and retries. `wake` says that something may be sent; `on_change` tells who shows jobs."""

    def __init__(
        self,
        store: JobStore,
        mail: JobMail,
        budget: Budget,
        clock: Clock,
        wake: Callable[[], None],
        on_change: OnChange,
    ) -> None:
        self._store = store
        self._mail = mail
        self._budget = budget
        self._clock = clock
        self._wake = wake
        self._on_change = on_change

    async def submit(self, request: JobRequest, at: datetime) -> Job:
        """Queue a job, or return the one that the same source has queued, or an equal one that is not over.

        Raises JobsUnavailableError when the budget does not allow it, with when to try again.
        """
        stored = await self._store.going_equal(request) or await self._store.asked_from(request)
        if stored is None:
            queue = QUEUE_OF[request.kind]
            expected = expected_gpu_h(request.kind, await self._store.gpu_times(request.kind))
            spent = await self._store.spent(request, queue.value, at)
            if reason := refusal(request.kind, self._budget, spent, expected, at):
                raise JobsUnavailableError(reason)
            stored = await self._store.add(request, queue.value, PULL_REQUEST_PRIORITY, at)
            await self._on_change(stored, stored)
            self._wake()
        return await self._seen(stored)

    async def of_pull(self, repository_id: int, number: int) -> tuple[Job, ...]:
        """Return the jobs of a pull request, oldest first."""
        return tuple([await self._seen(job) for job in await self._store.of_pull(repository_id, number)])

    async def end(self, repository_id: int, number: int, state: JobState, job_id: int | None = None) -> int:
        """Cancel or supersede the jobs that are not over: one, or all. Return how many."""
        count = 0
        for job in await self._store.of_pull(repository_id, number):
            if job_id in (None, job.id) and not job.life.state.is_over:
                count += await self.end_one(job.id, state)
        return count

    async def retry(self, repository_id: int, number: int, job_id: int, at: datetime) -> Job:
        """Queue a job anew that came to nothing. Raises JobsUnavailableError."""

        def again(job: StoredJob) -> StoredJob | None:
            is_its = (job.request.repository_id, job.request.number) == (repository_id, number)
            if not is_its or not job.life.state.is_retriable:
                raise JobsUnavailableError(f"Job {job_id} of this pull request has not failed.")
            place = due_at(at, job.priority)
            return replace(job.living(begun_again(job.life), at), queued_at=at, due_at=place)

        changed = await self._store.change(job_id, again)
        if changed is None:
            raise JobsUnavailableError(f"There is no job {job_id}.")
        await self._on_change(*changed)
        self._wake()
        return await self._seen(changed[1])

    async def _seen(self, stored: StoredJob) -> Job:
        position = await self._store.position(stored) if stored.life.state is JobState.QUEUED else 0
        return as_job(stored, position)

    async def end_one(self, job_id: int, state: JobState, message: str = "") -> int:
        """End one job, tell its worker to stop, and return 1; 0 when it was over already."""

        def over(job: StoredJob) -> StoredJob:
            return job.living(ended(job.life, state, message), self._clock.now())

        changed = await self._store.change(job_id, over)
        if changed is None or changed[0] == changed[1]:
            return 0
        before, after = changed
        if before.life.lease is not None:
            await self._tell_to_stop(before)
        await self._on_change(before, after)
        return 1

    async def _tell_to_stop(self, job: StoredJob) -> None:
        """Tell the worker; while the broker is away it learns it with its next report."""
        if job.life.lease is not None:
            try:
                await self._mail.answer(job.life.lease.worker, stop_order(job))
            except BrokerAwayError as error:
                log.warning("jobs.not_told_to_stop", job=job.id, error=str(error))


def stop_order(job: StoredJob) -> Confirmation:
    """Return what tells a worker that its attempt is no longer wanted."""
    return Confirmation(job.id, job.life.attempt, stop=True, reason="The job is over.")
