"""The job engine: the port through which the desk queues, cancels and retries; the database is the queue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

import structlog

from bot.budgets import Budget, Spent, expected_gpu_h, needs_gpu, night_began, refusal
from bot.clock import Clock
from bot.job_flow import begun_again, ended
from bot.job_line import NIGHTLY_PRIORITY, PULL_REQUEST_PRIORITY, due_at
from bot.job_mail import BrokerAwayError, JobMail
from bot.job_views import JobViews
from bot.jobs import (
    Job,
    JobKind,
    JobRequest,
    JobState,
    JobsUnavailableError,
    followed,
    has_not_failed,
    no_such_job,
)
from bot.store.jobs import JobStore
from bot.store.stored_jobs import StoredJob, as_job
from checks.contribution import Sha
from pipeline.contract import Confirmation, Queue

log = structlog.get_logger()

QUEUE_OF: dict[JobKind, Queue] = {
    JobKind.PRECHECK: Queue.CPU,
    JobKind.GENERATE: Queue.SDG,
    JobKind.EVALUATE: Queue.EVAL,
    JobKind.POSTCHECK: Queue.EVAL,
    JobKind.MIX: Queue.CPU,
    JobKind.TRAIN: Queue.TRAIN,
    JobKind.SCORE: Queue.EVAL,
    JobKind.SELECT: Queue.CPU,
    JobKind.VARIANT: Queue.TRAIN,
    JobKind.GATE: Queue.EVAL,
    JobKind.PACKAGE: Queue.CPU,
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
        views: JobViews | None = None,
    ) -> None:
        self._store = store
        self._mail = mail
        self._budget = budget
        self._clock = clock
        self._wake = wake
        self._on_change = on_change
        self._views = views or JobViews(store, clock, budget)

    async def submit(self, request: JobRequest, at: datetime, priority: int = PULL_REQUEST_PRIORITY) -> Job:
        """Queue a job, or return an equal one that is not over, or the one that the same source has queued.

        Its place in the line is not looked up: `of_pull` and `find` tell it.
        Raises JobsUnavailableError when the budget does not allow it, with when to try again.
        """
        queue = QUEUE_OF[request.kind]
        known, spent = await self._store.spending.standing(request, queue.value, at)
        stored = await self._store.get(known) if known is not None else None
        if stored is None:
            await self._refuse_beyond_the_budget(request, spent, at, priority)
            stored = await self._store.add(request, queue.value, priority, at, spent.waiting_of_author)
            await self._on_change(stored, stored)
            self._wake()
        return as_job(stored)

    async def _refuse_beyond_the_budget(
        self, request: JobRequest, spent: Spent, at: datetime, priority: int
    ) -> None:
        """Raise JobsUnavailableError when the budget does not allow one more."""
        is_nightly = priority <= NIGHTLY_PRIORITY
        is_capped = is_nightly and bool(self._budget.nightly_gpu_h)
        is_limited = needs_gpu(request.kind) and self._budget.limits_gpu_hours
        expected = 0.0  # of interest only where hours are limited
        if is_limited or is_capped:
            expected = expected_gpu_h(request.kind, await self._store.times.on_a_gpu(request.kind))
        if is_limited:
            promised = await self._store.gpu_hours.promised(await self._store.times.expected_costs())
            used = await self._store.gpu_hours.used(at)
            spent = replace(spent, gpu_h_today=used.today + promised, gpu_h_this_month=used.this_month + promised)
        if is_capped:
            began = night_began(at, self._budget)
            costs = await self._store.times.expected_costs()
            hours = await self._store.gpu_hours.of_night(at, began, costs, with_waiting=True)
            spent = replace(spent, nightly_h=hours)
        is_of_build = request.is_of_build
        if reason := refusal(
            request.kind, self._budget, spent, expected, at, is_nightly=is_nightly, is_of_build=is_of_build
        ):
            raise JobsUnavailableError(reason)

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

    async def follow(self, repository_id: int, number: int, head_sha: Sha, content_digest: str) -> int:
        """Make the jobs about this content, asked for at other commits, jobs of this one. Return how many moved."""

        def there(job: StoredJob) -> StoredJob:
            return replace(job, request=followed(job.request, job.life.state, head_sha, content_digest))

        count = 0
        for job in await self._store.of_pull(repository_id, number):
            if there(job) == job:
                continue
            changed = await self._store.change(job.id, there)
            if changed is not None and changed[0] != changed[1]:
                log.info("jobs.followed", job=job.id, sha=head_sha, before=changed[0].request.head_sha)
                await self._on_change(*changed)
                count += 1
        if count:
            self._wake()
        return count

    async def retry(self, repository_id: int, number: int, job_id: int, at: datetime) -> Job:
        """Queue a job anew that came to nothing. Raises JobsUnavailableError."""
        stored = await self._store.get(job_id)
        if stored is not None and stored.life.state.is_retriable:
            spent = await self._store.spending.spent(stored.request, stored.queue, at)
            await self._refuse_beyond_the_budget(stored.request, spent, at, stored.priority)

        def again(job: StoredJob) -> StoredJob | None:
            is_its = (job.request.repository_id, job.request.number) == (repository_id, number)
            if not is_its or not job.life.state.is_retriable:
                raise JobsUnavailableError(has_not_failed(job_id))
            place = due_at(at, job.priority)
            return replace(job.living(begun_again(job.life), at), queued_at=at, due_at=place)

        changed = await self._store.change(job_id, again)
        if changed is None:
            raise JobsUnavailableError(no_such_job(job_id))
        await self._on_change(*changed)
        self._wake()
        return await self._seen(changed[1])

    async def find(self, job_id: int) -> Job | None:
        """Return a job by its number, of whichever pull request."""
        stored = await self._store.get(job_id)
        return await self._seen(stored) if stored else None

    async def show_again(self, job_id: int) -> None:
        """Have its check run written anew, as it stands."""
        await self._store.show_again(job_id)
        if (stored := await self._store.get(job_id)) is not None:
            await self._on_change(stored, stored)

    async def _seen(self, stored: StoredJob) -> Job:
        return await self._views.of(stored)

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
