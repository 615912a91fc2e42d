"""The bot's side of jobs for a test: a real store and transport in memory, and a clock that is moved."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from types import TracebackType
from typing import Self

from kombu import Connection
from pydantic import SecretStr

from bot.budgets import Budget
from bot.clock import MovableClock
from bot.job_engine import JobEngine
from bot.job_flow import Patience
from bot.job_inputs import Material
from bot.job_leases import Leases, Terms
from bot.job_line import PULL_REQUEST_PRIORITY
from bot.job_mail import JobMail
from bot.job_sender import Inputs, JobSender
from bot.jobs import JobKind, JobRequest
from bot.store.database import migrate, open_engine
from bot.store.jobs import JobStore
from bot.store.pull_requests import PullMemory, PullRequestStore
from bot.store.stored_jobs import StoredJob
from bot.store.switches import GPU_PAUSED, Switches
from checks.contribution import Login, Sha
from pipeline.contract import (
    Confirmation,
    Ending,
    JobReport,
    JobSpec,
    LeaseAnswer,
    LeaseRequest,
    Load,
    Outcome,
    Queue,
    Swap,
    WorkerHello,
)

HEAD = Sha("c0ffee" + "0" * 34)
REPOSITORY = 1
_BROKER = "memory://"


class SendingRoom:
    """Use it as an async context manager. Workers are played: they say hello, ask and report as real ones do."""

    def __init__(
        self,
        budget: Budget | None = None,
        database_url: str = "sqlite+aiosqlite:///:memory:",
        clock: MovableClock | None = None,
    ) -> None:
        self._database_url = database_url
        self.budget = budget or Budget()
        self.clock = clock or MovableClock()
        self.sent: list[int] = []
        self.on_change: Callable[[int], Awaitable[None]] | None = None  # who hears that a job has changed
        self.inputs: Inputs | None = None  # what gathers what a job is given; None: it is given nothing
        self._out: list[int] = []
        self._answers: list[LeaseAnswer] = []
        self._asked = 0

    async def __aenter__(self) -> Self:
        self._database = open_engine(self._database_url)
        await migrate(self._database)
        self.store, self.switches = JobStore(self._database), Switches(self._database)
        memories = PullRequestStore(self._database)
        for number in range(1, 40):
            memory = PullMemory(
                REPOSITORY, number, head_sha=HEAD, flags="precheck-generate-ready", author_id=number
            )
            await memories.save(memory, self.clock.now())
        self.mail = _Listened(_BROKER, self)
        self._take_from_broker(lambda _: True)  # what other tests have left there
        limits = {kind: timedelta(hours=4) for kind in JobKind}
        terms = Terms(limits, Patience(), resend_after=timedelta(days=1))

        async def changed(_before: StoredJob, after: StoredJob) -> None:
            if self.on_change is not None:
                await self.on_change(after.id)

        async def inputs(job: StoredJob) -> Material:
            return await self.inputs(job) if self.inputs is not None else Material({})

        async def is_paused() -> bool:
            return await self.switches.is_on(GPU_PAUSED)

        self.engine = JobEngine(self.store, self.mail, self.budget, self.clock, lambda: None, changed)
        self.leases = Leases(
            self.engine,
            self.store,
            memories,
            self.mail,
            terms,
            SecretStr("the webhook secret of the tests"),
            self.clock,
            lambda: None,
            changed,
        )
        self.sender = JobSender(
            self.store,
            self.leases,
            self.mail,
            terms,
            self.clock,
            inputs,
            self.engine.end_one,
            self.budget,
            is_paused,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.mail.stop()
        await self._database.dispose()

    async def asks_for(self, kind: JobKind, priority: int = PULL_REQUEST_PRIORITY, number: int = 0) -> StoredJob:
        "Somebody asks for a job, each for another pull request of another author."
        self._asked += 1
        number = number or self._asked
        request = JobRequest(REPOSITORY, number, kind, HEAD, 7, Login("tess"), f"comment:{self._asked}:1")
        job = await self.engine.submit(request, self.clock.now(), priority)
        stored = await self.store.get(job.id)
        assert stored is not None
        return stored

    async def says_hello(
        self, worker: str = "worker", loaded: Load | None = None, queues: Iterable[Queue] = tuple(Queue)
    ) -> None:
        "A worker that has nothing to do is there."
        await self.leases.receive(WorkerHello(worker, tuple(queues), 0, False, loaded))

    async def sends(self) -> list[int]:
        "The sender looks once. Return which jobs it sends."
        self.sent = []
        await self.sender.send_all()
        return self.sent

    async def begins(self, job_id: int, worker: str = "worker") -> LeaseAnswer:
        "A worker takes the message of a job, and asks for the lease."
        job = await self.store.get(job_id)
        assert job is not None
        self._take_from_broker(lambda spec: spec.job_id == job_id)
        await self.leases.receive(LeaseRequest(job_id, job.life.attempt, worker, "there", f"nonce-{job_id}"))
        return self._answers[-1]

    async def does(self, job_id: int, worker: str = "worker", swap: Swap | None = None, **lasting: float) -> None:
        "A worker does a job, which lasts a minute if nothing else is said."
        answer = await self.begins(job_id, worker)
        assert answer.is_granted, answer.reason
        await self.clock.advance(**(lasting or {"minutes": 1}))
        outcome = Outcome(Ending.SUCCEEDED, swap=swap)
        await self.leases.receive(JobReport(job_id, answer.attempt, worker, 1, answer.secret, outcome=outcome))

    async def one_is_done(self, **lasting: float) -> int:
        "The sender looks, the worker does the message that lies longest in the broker, and is there again."
        self._out += await self.sends()
        job_id = self._out.pop(0)
        await self.does(job_id, **lasting)
        await self.says_hello(loaded=self.leases.workers["worker"].loaded)
        return job_id

    @staticmethod
    def _take_from_broker(wanted: Callable[[JobSpec], bool]) -> None:
        with Connection(_BROKER) as connection:
            for name in Queue:
                lying = connection.SimpleQueue(name.value)
                messages = [lying.get(block=False) for _ in range(lying.qsize())]
                for message in messages:
                    if wanted(JobSpec.from_data(message.payload[0][0])):
                        message.ack()
                    else:
                        message.requeue()
                lying.close()

    def answered(self, answer: object) -> None:
        "What the bot answers a worker."
        if isinstance(answer, LeaseAnswer):
            self._answers.append(answer)


class _Listened(JobMail):
    """The bot's mail, which the test reads along with; messages go into a real transport."""

    def __init__(self, address: str, room: SendingRoom) -> None:
        super().__init__(address)
        self._room = room

    async def send_job(self, queue: str, spec: JobSpec, traceparent: str = "") -> None:
        "Send, and note it."
        await super().send_job(queue, spec, traceparent)
        self._room.sent.append(spec.job_id)

    async def answer(self, worker: str, message: LeaseAnswer | Confirmation) -> None:
        "Answer, and note it."
        await super().answer(worker, message)
        self._room.answered(message)
