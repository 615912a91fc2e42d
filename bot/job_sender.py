"""The sender: keeps the broker's queues just full enough, so that everything that waits can still be changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from bot.budgets import Budget, is_quiet
from bot.clock import Clock
from bot.github.errors import GitHubError
from bot.job_leases import Leases, Terms
from bot.job_mail import BrokerAwayError, JobMail
from bot.store.jobs import JobStore, StoredJob
from pipeline.artifacts import ArtifactError
from pipeline.contract import Artifact, JobSpec, Queue, TaskKind

log = structlog.get_logger()

_PRESENT_FOR = timedelta(seconds=60)  # a worker that said hello within it takes jobs
_LOOK_EVERY_S = 5.0

Inputs = Callable[[StoredJob], Awaitable[dict[str, Artifact]]]


class JobSender:
    """Sends the messages of queued jobs: at most as many as there are free workers, and one more."""

    def __init__(
        self,
        store: JobStore,
        leases: Leases,
        mail: JobMail,
        terms: Terms,
        clock: Clock,
        inputs: Inputs,
        budget: Budget,
        is_paused: Callable[[], Awaitable[bool]],
    ) -> None:
        self._store = store
        self._leases = leases
        self._mail = mail
        self._terms = terms
        self._clock = clock
        self._inputs = inputs
        self._budget = budget
        self._is_paused = is_paused
        self._something_new = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Something may be sent now."""
        self._something_new.set()

    def start(self) -> None:
        """Begin to send, and to look at the clock for silent workers."""
        self._task = asyncio.create_task(self._run(), name="job sender")

    async def stop(self) -> None:
        """Stop; what was not sent stays queued."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._something_new.clear()
            try:
                await self._leases.look_at_the_clock()
                await self.send_all()
            except Exception:  # the database stumbled: the next look goes on
                log.exception("jobs.sender_stumbled")
            await self._pause()

    async def _pause(self) -> None:
        """Wait until woken, or some seconds by our clock."""
        woken = asyncio.create_task(self._something_new.wait())
        slept = asyncio.create_task(self._clock.sleep(_LOOK_EVERY_S))
        try:
            await asyncio.wait((woken, slept), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (woken, slept):
                task.cancel()
            await asyncio.gather(woken, slept, return_exceptions=True)

    async def send_all(self) -> int:
        """Send what there is room for. Return how many messages were sent."""
        sent = 0
        for queue in Queue:
            sent += await self._send_some(queue)
        return sent

    async def _send_some(self, queue: Queue) -> int:
        now = self._clock.now()
        if queue is not Queue.CPU and (is_quiet(self._budget, now) or await self._is_paused()):
            return 0
        lost_before = now - self._terms.resend_after
        room = self._free(queue) + 1 - await self._store.count_sent(queue.value, lost_before)
        if room <= 0:
            return 0
        sent = []
        for job in await self._store.next_in(queue.value, now, lost_before, room):
            try:
                await self._mail.send_job(queue.value, await self.spec_of(job))
            except BrokerAwayError as error:
                log.warning("jobs.not_sent", job=job.id, error=str(error))
                break
            except (GitHubError, ArtifactError) as error:  # its own inputs are missing: the others may go
                log.warning("jobs.no_inputs", job=job.id, error=str(error))
                continue
            sent.append(job.id)
        if sent:
            await self._store.note_sent(sent, now)
        return len(sent)

    def _free(self, queue: Queue) -> int:
        since = self._clock.now() - _PRESENT_FOR
        return sum(
            1
            for worker in self._leases.workers.values()
            if queue in worker.queues and not worker.is_busy and worker.heard_at > since
        )

    async def spec_of(self, job: StoredJob) -> JobSpec:
        """Return the message of a job's attempt. Raises what its inputs raise."""
        request = job.request
        return JobSpec(
            job.id,
            job.life.attempt,
            TaskKind(request.kind.value),
            request.repository_id,
            request.number,
            request.head_sha,
            self._terms.time_limits[request.kind].total_seconds(),
            await self._inputs(job),
        )
