"""Leases: who may work on which attempt, what workers report of it, and what happens when they fall silent."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from pydantic import SecretStr

from bot.clock import Clock
from bot.job_bounds import LONGEST_WORKER, bounded
from bot.job_engine import JobEngine, OnChange, stop_order
from bot.job_flow import NotHeardError, Patience, granted, looked_after, refused, told
from bot.job_mail import BrokerAwayError, JobMail
from bot.jobs import JobKind, JobState
from bot.labels import Label
from bot.nightly.builds import BuildState
from bot.presence import PRESENT_FOR, Presence
from bot.store.builds import BuildStore
from bot.store.job_logs import LogPart
from bot.store.jobs import JobStore
from bot.store.pull_requests import PullRequestStore
from bot.store.stored_jobs import StoredJob
from pipeline.contract import (
    VERSION,
    Confirmation,
    JobReport,
    LeaseAnswer,
    LeaseRequest,
    Load,
    Message,
    Outcome,
    SpecRefusal,
    TaskKind,
    WorkerHello,
    needs,
)

log = structlog.get_logger()

NO_LONGER_NEWEST = "Its commit is no longer the newest; what is there now can be let through anew."
BUILD_IS_OVER = "Its build is over, or was planned anew."
NO_LONGER_LET_THROUGH = "No triager lets it through any longer; one who does starts it anew by a command."
_GRACE = timedelta(minutes=2)
_REMEMBERED_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Terms:
    """How long each kind of job may take, and how patient we are with workers."""

    time_limits: dict[JobKind, timedelta]
    patience: Patience
    heartbeat_s: float = 15.0
    resend_after: timedelta = timedelta(seconds=60)  # a message whose lease nobody asked for may be lost


Held = Callable[[StoredJob], Awaitable[str]]


class Leases:
    """The workers' counterpart."""

    def __init__(
        self,
        engine: JobEngine,
        store: JobStore,
        memories: PullRequestStore,
        mail: JobMail,
        terms: Terms,
        secret: SecretStr,
        clock: Clock,
        wake: Callable[[], None],
        on_change: OnChange,
        builds: BuildStore | None = None,
    ) -> None:
        """Without `builds` no step of one may begin."""
        self._engine = engine
        self._store = store
        self._memories = memories
        self._mail = mail
        self._terms = terms
        self._key = hashlib.sha256(b"taxonomy-bot leases\0" + secret.get_secret_value().encode()).digest()
        self._clock = clock
        self._wake = wake
        self._on_change = on_change
        self._builds = builds
        self._held: Held | None = None
        self.workers: dict[str, Presence] = {}
        self._told: dict[str, Presence] = {}  # as all replicas know them

    def ask_before_granting(self, held: Held) -> None:
        """Have somebody say of each job why it is not to begin now; empty when it is."""
        self._held = held

    async def receive(self, message: Message) -> None:
        """Take one message of a worker. Returns once it is stored; raises what the database raises."""
        if len(getattr(message, "worker", "")) > LONGEST_WORKER:
            log.error("jobs.worker_with_too_long_a_name", kind=message.KIND)
            return
        match message:
            case LeaseRequest():
                await self._answer_lease(message)
            case JobReport():
                await self._take_report(bounded(message))
            case SpecRefusal():
                await self._take_refusal(message)
            case WorkerHello():
                self._note_worker(message)
            case _:
                log.error("jobs.unexpected_message", kind=message.KIND)

    async def _answer_lease(self, asked: LeaseRequest) -> None:
        """Grant the lease, or say why not. Asked again with the same nonce, the answer is the same."""
        now, secret = self._clock.now(), self._secret_of(asked)
        reason = await self._reason_against(asked)

        def grant(job: StoredJob) -> StoredJob:
            limit = self._terms.time_limits[job.request.kind]
            life = granted(job.life, asked.attempt, asked.worker, secret, now, limit, _GRACE)
            return job.living(life, now)

        changed = None
        if not reason:
            try:
                changed = await self._store.change(asked.job_id, grant)
                reason = "" if changed else "there is no such job"
            except NotHeardError as error:
                reason = str(error)
        answer = LeaseAnswer(
            asked.job_id,
            asked.attempt,
            asked.nonce,
            is_granted=not reason,
            secret="" if reason else secret,
            reason=reason,
            heartbeat_s=self._terms.heartbeat_s,
        )
        log.info("jobs.lease", job=asked.job_id, attempt=asked.attempt, worker=asked.worker, refused=reason)
        await self._send(asked.worker, answer)
        if changed and changed[0] != changed[1]:
            self._note_work(asked.worker, changed[1].request.kind)
            await self._on_change(*changed)

    async def _reason_against(self, asked: LeaseRequest) -> str:
        """Say why a job may not begin after all: its commit is no longer the head, or no longer let through."""
        job = await self._store.get(asked.job_id)
        if job is None:
            return "there is no such job"
        if job.request.is_of_build:
            return await self._reason_against_step(job)
        memory = await self._memories.get(job.request.repository_id, job.request.number)
        is_newest = memory is not None and job.request.is_about(memory.head_sha, memory.content_digest)
        if memory is None or not memory.is_open or not is_newest:
            await self._engine.end_one(job.id, JobState.SUPERSEDED, NO_LONGER_NEWEST)
            return "its commit is no longer the head of an open pull request"
        if Label.GENERATE_READY not in memory.status.flags:
            await self._engine.end_one(job.id, JobState.CANCELLED, NO_LONGER_LET_THROUGH)
            return "no triager lets it through any longer"
        return await self._reason_to_wait(job)

    async def _reason_against_step(self, job: StoredJob) -> str:
        """Say why a step of a build may not begin after all: its build does not run, or not as it was planned."""
        request = job.request
        build = await self._builds.get(request.build_id) if self._builds is not None else None
        if build is None or build.state is not BuildState.RUNNING or build.attempt != request.build_attempt:
            await self._engine.end_one(job.id, JobState.CANCELLED, BUILD_IS_OVER)
            return "its build does not run any more"
        return await self._reason_to_wait(job)

    async def _reason_to_wait(self, job: StoredJob) -> str:
        """Say why a job is to wait although its message is out: it is sent again when it may begin."""
        if self._held is None or job.life.state is not JobState.QUEUED or not (reason := await self._held(job)):
            return ""
        await self._store.change(job.id, lambda now: replace(now, sent_at=None))
        return reason

    async def _take_report(self, report: JobReport) -> None:
        now = self._clock.now()

        def take(job: StoredJob) -> StoredJob:
            return job.living(told(job.life, report, now, self._terms.patience), now)

        try:
            changed = await self._store.change(report.job_id, take, _log_in(report, now))
        except NotHeardError as error:
            await self._dismiss(report, str(error))
            return
        if changed is None:
            await self._dismiss(report, "there is no such job")
            return
        before, after = changed
        if report.outcome is not None:
            await self._note_end(report, report.outcome, now)
            await self._send(report.worker, Confirmation(report.job_id, report.attempt))
        if before.life.state is not after.life.state or before.life.progress != after.life.progress:
            await self._on_change(before, after)
        if after.life.state is JobState.QUEUED:
            self._wake()

    async def _dismiss(self, report: JobReport, reason: str) -> None:
        """Answer a report that does not count: its end is confirmed all the same, else its work is told to stop."""
        log.info("jobs.report_ignored", job=report.job_id, attempt=report.attempt, reason=reason)
        stop = report.outcome is None
        await self._send(report.worker, Confirmation(report.job_id, report.attempt, stop, reason))

    async def _take_refusal(self, refusal: SpecRefusal) -> None:
        """A worker could not read an attempt: another may, a little later."""
        now, message = self._clock.now(), why_unread(refusal)

        def put_off(job: StoredJob) -> StoredJob:
            return job.living(refused(job.life, refusal.attempt, message, now, self._terms.patience), now)

        try:
            changed = await self._store.change(refusal.job_id, put_off)
        except NotHeardError as error:
            log.info("jobs.refusal_ignored", job=refusal.job_id, attempt=refusal.attempt, reason=str(error))
            return
        log.error("jobs.spec_refused", job=refusal.job_id, worker=refusal.worker, reason=refusal.reason)
        if changed is not None:
            await self._on_change(*changed)

    async def look_at_the_clock(self) -> None:
        """Take the lease from workers that fell silent or take too long.

        Silence counts only while we could have heard them: not while the broker, or we, were away or stood still.
        """
        now = self._clock.now()
        self._forget_workers(now)
        await self._tell_of_workers(now)
        heard = self._mail.heard
        since, until = now - timedelta(seconds=heard.since_s), now - timedelta(seconds=heard.until_s)

        def look(job: StoredJob) -> StoredJob:
            return job.living(looked_after(job.life, now, self._terms.patience, since, until), now)

        for job in await self._store.running():
            changed = await self._store.change(job.id, look)
            if changed is None or changed[0] == changed[1]:
                continue
            before, after = changed
            if before.life.lease is not None:
                await self._send(before.life.lease.worker, stop_order(before))
            log.warning("jobs.lease_lost", job=job.id, state=after.life.state, message=after.life.message)
            await self._on_change(before, after)
            self._wake()

    def present_on(self, queue: str) -> frozenset[str]:
        """Return the names of the workers that take jobs from a queue now, whether or not they have one."""
        since = self._clock.now() - PRESENT_FOR
        return frozenset(
            name for name, each in self.workers.items() if queue in each.queues and each.heard_at > since
        )

    def _forget_workers(self, now: datetime) -> None:
        """Forget the names of workers that died without a word: where each start has a new one, they are many."""
        for name in [name for name, each in self.workers.items() if each.heard_at < now - _REMEMBERED_FOR]:
            del self.workers[name]

    async def _tell_of_workers(self, now: datetime) -> None:
        """Let the pages of all replicas know the workers."""
        news = {name: each for name, each in self.workers.items() if each.is_news_after(self._told.get(name))}
        gone = self._told.keys() - self.workers.keys()
        if news or gone:
            await self._store.workers.tell(news, gone, now - _REMEMBERED_FOR)
            self._told = {name: news.get(name) or self._told[name] for name in self.workers}

    def _note_worker(self, hello: WorkerHello) -> None:
        if hello.is_leaving:
            self.workers.pop(hello.worker, None)
            return
        was_busy = hello.worker in self.workers and self.workers[hello.worker].is_busy
        self.workers[hello.worker] = Presence(
            frozenset(hello.queues), bool(hello.job_id), self._clock.now(), hello.loaded
        )
        if was_busy or not hello.job_id:
            self._wake()

    def _note_work(self, worker: str, kind: JobKind) -> None:
        """A worker begins a job: until its next hello we know that it is busy, and what it loads."""
        if known := self.workers.get(worker):
            need = needs(TaskKind(kind.value))
            loaded = known.loaded if known.loaded is None or need is Load.NOTHING else need
            self.workers[worker] = replace(known, is_busy=True, loaded=loaded)

    async def _note_end(self, report: JobReport, outcome: Outcome, now: datetime) -> None:
        """A worker is done: it is free, and what it has measured of a swap is kept."""
        if known := self.workers.get(report.worker):
            self.workers[report.worker] = replace(known, is_busy=False)
            self._wake()
        if outcome.swap is not None:
            await self._store.swaps.add(report.job_id, report.attempt, now, outcome.swap)

    async def _send(self, worker: str, message: LeaseAnswer | Confirmation) -> None:
        """Answer a worker; while the broker is away the worker asks or tells again."""
        try:
            await self._mail.answer(worker, message)
        except BrokerAwayError as error:
            log.warning("jobs.not_answered", worker=worker, error=str(error))

    def _secret_of(self, asked: LeaseRequest) -> str:
        """Return the secret of a lease: nobody can guess it, and asking again for the same gives the same."""
        signed = f"{asked.job_id}:{asked.attempt}:{asked.worker}:{asked.nonce}".encode()
        return hmac.new(self._key, signed, hashlib.sha256).hexdigest()


def _log_in(report: JobReport, now: datetime) -> LogPart | None:
    """Return the lines of a log that came with a report."""
    lines = "\n".join(line.text for line in report.log)
    return LogPart(report.attempt, report.sequence, now, lines) if report.log else None


def why_unread(refusal: SpecRefusal) -> str:
    """Say why a worker could not read a job, and what an operator does."""
    worker = refusal.worker[:80]
    if refusal.knows < VERSION:
        return (
            f"The worker {worker} is older than the bot: it knows version {refusal.knows} of the job contract, and "
            f"the bot writes version {VERSION}. An operator updates that worker."
        )
    return (
        f"The worker {worker} could not read the job: {refusal.reason[:300]} "
        "An operator runs bot and workers in the same version."
    )
