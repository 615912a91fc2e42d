"""Leases: who may work on which attempt, what workers report of it, and what happens when they fall silent."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from pydantic import SecretStr

from bot.clock import Clock
from bot.job_engine import JobEngine, OnChange, stop_order
from bot.job_flow import NotHeardError, Patience, granted, looked_after, told
from bot.job_mail import BrokerAwayError, JobMail
from bot.jobs import JobKind, JobState
from bot.labels import Label
from bot.store.jobs import JobStore, StoredJob
from bot.store.pull_requests import PullRequestStore
from pipeline.contract import Confirmation, JobReport, LeaseAnswer, LeaseRequest, Message, Queue, WorkerHello

log = structlog.get_logger()

_GRACE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Terms:
    """How long each kind of job may take, and how patient we are with workers."""

    time_limits: dict[JobKind, timedelta]
    patience: Patience
    heartbeat_s: float = 15.0
    resend_after: timedelta = timedelta(seconds=60)  # a message whose lease nobody asked for may be lost


@dataclass(frozen=True, slots=True)
class Presence:
    """A worker that was heard of: where it takes jobs from, and whether it has one."""

    queues: frozenset[Queue]
    is_busy: bool
    heard_at: datetime


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
    ) -> None:
        self._engine = engine
        self._store = store
        self._memories = memories
        self._mail = mail
        self._terms = terms
        self._key = hashlib.sha256(b"taxonomy-bot leases\0" + secret.get_secret_value().encode()).digest()
        self._clock = clock
        self._wake = wake
        self._on_change = on_change
        self.workers: dict[str, Presence] = {}

    async def receive(self, message: Message) -> None:
        """Take one message of a worker. Returns once it is stored; raises what the database raises."""
        match message:
            case LeaseRequest():
                await self._answer_lease(message)
            case JobReport():
                await self._take_report(message)
            case WorkerHello():
                self._note_worker(message)
            case _:
                log.error("jobs.unexpected_message", kind=message.KIND)

    async def _answer_lease(self, asked: LeaseRequest) -> None:
        """Grant the lease, or say why not. Asked again with the same nonce, the answer is the same."""
        now, secret = self._clock.now(), self._secret_of(asked)
        reason = await self._reason_against(asked)

        def grant(job: StoredJob) -> StoredJob | None:
            lease = job.life.lease
            if lease is not None and job.life.attempt == asked.attempt and lease.knows(secret):
                return None  # the answer got lost
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
            await self._on_change(*changed)

    async def _reason_against(self, asked: LeaseRequest) -> str:
        """Say why a job may not begin after all: its commit is no longer the head, or no longer let through."""
        job = await self._store.get(asked.job_id)
        if job is None:
            return "there is no such job"
        memory = await self._memories.get(job.request.repository_id, job.request.number)
        if memory is None or not memory.is_open or memory.head_sha != job.request.head_sha:
            await self._engine.end_one(job.id, JobState.SUPERSEDED, "Its commit is no longer the newest.")
            return "its commit is no longer the head of an open pull request"
        if Label.GENERATE_READY not in memory.status.flags:
            await self._engine.end_one(job.id, JobState.CANCELLED, "No triager lets it through any longer.")
            return "no triager lets it through any longer"
        return ""

    async def _take_report(self, report: JobReport) -> None:
        now = self._clock.now()

        def take(job: StoredJob) -> StoredJob:
            return job.living(told(job.life, report, now, self._terms.patience), now)

        try:
            changed = await self._store.change(report.job_id, take)
        except NotHeardError as error:
            await self._dismiss(report, str(error))
            return
        if changed is None:
            return
        before, after = changed
        if report.log:
            lines = "\n".join(line.text.replace("\n", " ") for line in report.log)
            await self._store.add_report(report.job_id, report.attempt, report.sequence, now, lines)
        if report.outcome is not None:
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

    async def look_at_the_clock(self) -> None:
        """Take the lease from workers that fell silent or take too long.

        Silence counts only while we could have heard them: not while the broker, or we, were away.
        """
        now = self._clock.now()
        can_hear_since = now - timedelta(seconds=self._mail.heard_for_s)

        def look(job: StoredJob) -> StoredJob:
            return job.living(looked_after(job.life, now, self._terms.patience, can_hear_since), now)

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

    def _note_worker(self, hello: WorkerHello) -> None:
        if hello.is_leaving:
            self.workers.pop(hello.worker, None)
            return
        was_busy = hello.worker in self.workers and self.workers[hello.worker].is_busy
        self.workers[hello.worker] = Presence(frozenset(hello.queues), bool(hello.job_id), self._clock.now())
        if was_busy or not hello.job_id:
            self._wake()

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
