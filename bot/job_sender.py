"""The sender: keeps the broker's queues just full enough, so that everything that waits can still be changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot.budgets import Budget, fits_the_night, held_because, night_began
from bot.clock import Clock
from bot.github.errors import GitHubError
from bot.job_documents import NoInputsError
from bot.job_inputs import Material
from bot.job_leases import Leases, Terms
from bot.job_line import NIGHTLY_PRIORITY, PassedOver, in_batches
from bot.job_mail import BrokerAwayError, JobMail
from bot.jobs import JobKind, JobState
from bot.presence import PRESENT_FOR, Presence
from bot.store.jobs import JobStore
from bot.store.stored_jobs import StoredJob
from pipeline import tracing
from pipeline.artifacts import ArtifactError
from pipeline.contract import JobSpec, Load, Queue, TaskKind, needs
from pipeline.tracing import order_at, traceparent_of

log = structlog.get_logger()


_LOOK_EVERY_S = 5.0
_LOOK_AHEAD = 50  # jobs of a queue, for one that needs what is loaded

_LATER = timedelta(seconds=5)  # until a job is looked at again whose inputs are not there
_ITS_OWN, _OURS = JobState.FAILED_BY_CONTRIBUTION, JobState.INFRA_ERROR

Inputs = Callable[[StoredJob], Awaitable[Material]]
End = Callable[[int, JobState, str], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Lane:
    """Queues that are sent from together, and how many workers there are free.

    `loaded` is what the GPUs of workers that swap hold; None where nothing is swapped.
    """

    queues: tuple[Queue, ...]
    free: int
    loaded: frozenset[Load] | None = None


def lanes(queues: Sequence[Queue], workers: Sequence[Presence]) -> list[Lane]:
    """Return the lanes of some queues: all that a swapping worker serves are one, each other is one of its own."""
    swapping = [worker for worker in workers if worker.loaded is not None]
    shared = tuple(queue for queue in queues if any(queue in worker.queues for worker in swapping))
    found = [Lane((queue,), _free(workers, (queue,))) for queue in queues if queue not in shared]
    if shared:
        idle = [worker.loaded for worker in swapping if not worker.is_busy]
        loaded = idle or [worker.loaded for worker in swapping]
        found.append(Lane(shared, _free(workers, shared), frozenset(each for each in loaded if each is not None)))
    return found


def _free(workers: Sequence[Presence], queues: Sequence[Queue]) -> int:
    return sum(1 for worker in workers if not worker.is_busy and any(queue in worker.queues for queue in queues))


@dataclass(slots=True)
class _Night:
    """What nightly jobs have taken of this night, while messages are sent."""

    budget: Budget
    costs: Mapping[JobKind, float]
    hours: float

    def has_room_for(self, job: StoredJob) -> bool:
        if job.priority > NIGHTLY_PRIORITY or job.queue == Queue.CPU:
            return True
        return fits_the_night(self.budget, self.hours, self.costs[job.request.kind])

    def note(self, job: StoredJob) -> None:
        if job.priority <= NIGHTLY_PRIORITY and job.queue != Queue.CPU:
            self.hours += self.costs[job.request.kind]


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
        end: End,
        budget: Budget,
        is_paused: Callable[[], Awaitable[bool]],
        swap_patience: timedelta = timedelta(minutes=20),
    ) -> None:
        """`swap_patience` is how long a job may be passed by others that need no swap of models."""
        self._store = store
        self._leases = leases
        self._mail = mail
        self._terms = terms
        self._clock = clock
        self._inputs = inputs
        self._end = end
        self._budget = budget
        self._is_paused = is_paused
        self._passed_over = PassedOver(swap_patience)
        self._something_new = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        leases.ask_before_granting(self._held)

    async def _held(self, job: StoredJob) -> str:
        """Say why a job whose message is out already is not to begin now after all."""
        return held_because(job.queue, self._clock.now(), self._budget, await self._is_paused())

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
        now, paused = self._clock.now(), await self._is_paused()
        open_queues = [queue for queue in Queue if not held_because(queue, now, self._budget, paused)]
        night = await self._night(now) if self._budget.nightly_gpu_h else None
        sent = 0
        for lane in lanes(open_queues, self._workers(now)):
            sent += await self._send_some(lane, now, night)
        return sent

    async def _night(self, now: datetime) -> _Night:
        costs = await self._store.times.expected_costs()
        began = night_began(now, self._budget)
        return _Night(self._budget, costs, await self._store.gpu_hours.of_night(now, began, costs))

    async def _send_some(self, lane: Lane, now: datetime, night: _Night | None) -> int:
        lost_before = now - self._terms.resend_after
        room = await self._room_in(lane, lost_before)
        if room <= 0:
            return 0
        sent = []
        for job in await self._chosen(lane, now, lost_before, room, night):
            if night is not None and not night.has_room_for(job):
                continue
            try:
                order = order_at(job.request.repository_id, job.request.source)
                trace = traceparent_of(order)
                with tracing.span("job sent", parent=trace, job=job.id, kind=job.request.kind.value):
                    await self._mail.send_job(job.queue, await self.spec_of(job), trace)
            except BrokerAwayError as error:
                log.warning("jobs.not_sent", job=job.id, error=str(error))
                break
            except NoInputsError as error:
                await self._end(job.id, _OURS if error.is_ours else _ITS_OWN, str(error))
                continue
            except (GitHubError, ArtifactError) as error:  # its own inputs are missing: the others may go
                log.warning("jobs.no_inputs", job=job.id, error=str(error))
                await self._postpone(job, now)
                continue
            sent.append(job.id)
            if night is not None:
                night.note(job)
        if sent:
            await self._store.note_sent(sent, now)
        return len(sent)

    async def _room_in(self, lane: Lane, lost_before: datetime) -> int:
        """Return how many messages may be sent into a lane's queues.

        Counted are those of jobs that have not begun, taken by a worker or not, and what lies in the broker, which
        also holds messages that nobody has come for, and those of jobs that are over.
        """
        sent = sum([await self._store.line.count_sent(queue.value, lost_before) for queue in lane.queues])
        room = lane.free + 1 - sent
        if room <= 0:
            return 0
        try:
            return min(room, lane.free + 1 - await self._mail.lying_in(lane.queues))
        except BrokerAwayError as error:
            log.warning("jobs.broker_not_counted", error=str(error))
            return 0

    async def _postpone(self, job: StoredJob, now: datetime) -> None:
        """Let others go before a job whose inputs are not there."""

        def later(job: StoredJob) -> StoredJob:
            if job.life.state is not JobState.QUEUED:
                return job
            return replace(job, life=replace(job.life, not_before=now + _LATER))

        await self._store.change(job.id, later)

    async def _chosen(
        self, lane: Lane, now: datetime, lost_before: datetime, room: int, night: _Night | None
    ) -> list[StoredJob]:
        """Return the next jobs of a lane: in the order of the line, or in batches where models are swapped."""
        look_ahead = _LOOK_AHEAD if lane.loaded is not None else room
        line = self._store.line
        waiting: list[StoredJob] = []
        for queue in lane.queues:
            found = await line.next_in(queue.value, now, lost_before, look_ahead)
            if night is not None and not all(night.has_room_for(job) for job in found):
                found = await line.next_in(queue.value, now, lost_before, look_ahead, with_nightly=False)
            waiting += found
        waiting.sort(key=lambda job: (job.due_at, job.id))
        if lane.loaded is None:
            return waiting[:room]
        chosen = in_batches(
            waiting,
            lambda job: needs(TaskKind(job.request.kind.value)),
            lane.loaded,
            is_overdue=lambda job: self._passed_over.is_overdue(job.id, now),
            limit=room,
        )
        self._passed_over.note([job.id for job in waiting], {job.id for job in chosen}, now)
        return chosen

    def _workers(self, now: datetime) -> list[Presence]:
        return [each for each in self._leases.workers.values() if each.heard_at > now - PRESENT_FOR]

    async def spec_of(self, job: StoredJob) -> JobSpec:
        """Return the message of a job's attempt. Raises what its inputs raise."""
        request, material = job.request, await self._inputs(job)
        return JobSpec(
            job.id,
            job.life.attempt,
            TaskKind(request.kind.value),
            request.repository_id,
            request.number,
            request.head_sha,
            self._terms.time_limits[request.kind].total_seconds(),
            material.inputs,
            material.settings,
        )
