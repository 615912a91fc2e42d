"""One job from message to confirmed end: the lease first, then work, heartbeats and the last word."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from pipeline import tracing
from pipeline.contract import (
    VERSION,
    Confirmation,
    Ending,
    JobReport,
    JobSpec,
    LeaseAnswer,
    LeaseRequest,
    Load,
    Outcome,
    Progress,
    SpecRefusal,
    WorkerHello,
    attempt_named,
    needs,
)
from pipeline.logs import name_in_logs
from pipeline.model_server import ModelServer
from pipeline.settings import PipelineSettings
from pipeline.worker.alive import SignOfLife
from pipeline.worker.engine import Engine
from pipeline.worker.lines import GatheredLines
from pipeline.worker.mail import Mail, MailError
from pipeline.worker.one_gpu import Change, OneGpu
from pipeline.worker.outbox import Outbox
from pipeline.worker.watching import Watched, listen, teacher_did, watched

log = structlog.get_logger()

_POLL_S = 0.2
_TELL_EVERY_S = 1.0  # progress and log lines are gathered that long
_LONGEST_REASON = 500


@dataclass
class _Attempt:
    """What is known of the attempt that is being done."""

    spec: JobSpec
    lease: LeaseAnswer
    sequence: int = 0
    stop_because: str = ""
    progress: Progress | None = None
    lines: GatheredLines = field(default_factory=GatheredLines)
    watched: Watched | None = None


class Supervisor:
    """Does one job at a time. `is_leaving` says that the worker was asked to go."""

    def __init__(self, settings: PipelineSettings, is_leaving: Callable[[], bool]) -> None:
        self._settings = settings
        self._is_leaving = is_leaving
        self._mail = Mail(settings)
        self._outbox = Outbox(settings.work_dir, self._mail, settings.resend_s)
        self._engine = Engine(settings)
        is_single = settings.gpu_profile == "single"
        self._gpu = OneGpu(ModelServer(settings), self._engine.kill) if is_single else None
        self._sign_of_life = SignOfLife(settings.runtime_dir, settings.worker_name)
        self._answers: dict[str, LeaseAnswer] = {}
        self._revoked: dict[tuple[int, int], str] = {}  # what was to stop before we knew that it had begun
        self._answered = threading.Event()
        self._attempt: _Attempt | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin to listen and to say hello."""
        if self._gpu is not None:
            self._gpu.look()
        self._engine.tidy_up()
        listen(self._settings, lambda: self._outbox.waiting)
        self._mail.start(self._take)
        self._outbox.start()
        threading.Thread(target=self._keep_in_touch, name="heartbeat", daemon=True).start()

    def stop(self) -> None:
        """End the work process, say goodbye and close the mail."""
        self._stop.set()
        self._engine.kill()
        if self._gpu is not None:
            self._gpu.close()
        self._hello(is_leaving=True)
        self._outbox.stop()
        self._mail.stop()
        self._sign_of_life.end()

    def do(self, spec: JobSpec, acknowledge: Callable[[], None], traceparent: str = "") -> None:
        """Do one attempt, if the bot grants it. `acknowledge` is called once the bot has answered.

        Returns without acknowledging when the worker is asked to go before there was an answer: the message then
        goes to another worker. `traceparent` names the trace that led to it.
        """
        name_in_logs(spec, tracing.trace_id_in(traceparent))
        try:
            with tracing.span(
                "job", parent=traceparent, job=spec.job_id, attempt=spec.attempt, task=spec.task.value
            ):
                self._do(spec, acknowledge)
        finally:
            structlog.contextvars.clear_contextvars()

    def _do(self, spec: JobSpec, acknowledge: Callable[[], None]) -> None:
        with tracing.span("lease"):
            lease = self._ask(spec)
        if lease is None:
            return
        acknowledge()
        if not lease.is_granted:
            log.info("job.not_granted", job=spec.job_id, attempt=spec.attempt, reason=lease.reason)
            return
        attempt = _Attempt(spec, lease)
        with self._lock:
            self._attempt = attempt
            attempt.stop_because = self._revoked.get((spec.job_id, spec.attempt), "")
        log.info("job.begun", job=spec.job_id, attempt=spec.attempt, task=spec.task)
        with watched(spec) as attempt.watched:
            outcome = self._work(attempt)
            attempt.watched.ended(outcome)
        with self._lock:
            self._attempt = None
            attempt.sequence += 1
            report = self._report(attempt, outcome)
        self._outbox.put(report)
        log.info("job.ended", job=spec.job_id, attempt=spec.attempt, ending=outcome.ending)

    def refuse(self, task_id: str, reason: str, acknowledge: Callable[[], None]) -> None:
        """Tell the bot that a message cannot be read, and acknowledge it: what comes of the job the bot decides.

        While the broker is away it is told again, until the worker is asked to go.
        """
        named = attempt_named(task_id)
        log.error("job.unreadable", task=task_id[:100], reason=reason)
        if named is None:  # no message of the bot's: nobody waits for an answer
            acknowledge()
            return
        refusal = SpecRefusal(*named, self._settings.worker_name, VERSION, reason[:_LONGEST_REASON])
        while not self._is_leaving():
            try:
                self._mail.send(refusal)
            except MailError:
                self._stop.wait(_TELL_EVERY_S)
            else:
                acknowledge()
                return

    def _ask(self, spec: JobSpec) -> LeaseAnswer | None:
        """Ask for the lease until there is an answer; None when the worker is asked to go meanwhile."""
        nonce = secrets.token_hex(16)
        self._answers.clear()  # those that came twice
        self._revoked.clear()
        request = LeaseRequest(spec.job_id, spec.attempt, self._settings.worker_name, self._mail.answers_to, nonce)
        while not self._is_leaving():
            try:
                self._mail.send(request)
            except MailError:
                log.warning("job.no_broker", job=spec.job_id)
            until = time.monotonic() + self._settings.lease_wait_s
            while time.monotonic() < until and not self._is_leaving():
                if nonce in self._answers:
                    return self._answers.pop(nonce)
                self._answered.wait(_POLL_S)
                self._answered.clear()
        return None

    def _work(self, attempt: _Attempt) -> Outcome:
        """Have it done; stop it when it is told to, takes too long, or the worker is asked to go."""
        deadline = time.monotonic() + attempt.spec.time_limit_s
        change = self._gpu.change_to(needs(attempt.spec.task)) if self._gpu is not None else None
        if change is None:
            return self._have_done(attempt, deadline)
        stopped = self._wait_for(change, attempt, deadline, f"loading the {needs(attempt.spec.task)}")
        if stopped is not None:
            return stopped
        if change.error:
            return Outcome(Ending.INFRA_ERROR, change.error)
        return replace(self._have_done(attempt, deadline), swap=change.swap)

    def _wait_for(self, change: Change, attempt: _Attempt, deadline: float, stage: str = "") -> Outcome | None:
        """Wait until the GPU holds what is needed. Return why the job is stopped meanwhile; the change goes on."""
        told = False
        if attempt.watched is not None:
            attempt.watched.at(stage)
        while not change.is_done(_POLL_S):
            if (because := self._reason_to_stop(attempt, deadline)) is not None:
                return because
            if not told:
                attempt.progress = Progress(0.0, stage) if stage else attempt.progress
                self._tell(attempt)
                told = True
        return None

    def _load_for(self, need: Load, attempt: _Attempt, deadline: float) -> Outcome | None:
        """Load what a job needs for the rest of its work. Return why the job is stopped meanwhile."""
        change = self._gpu.change_to(need, is_free=True) if self._gpu is not None else None
        if change is not None and (stopped := self._wait_for(change, attempt, deadline)) is not None:
            self._engine.kill()
            return stopped
        self._engine.loaded(change.error if change is not None else "")
        return None

    def _have_done(self, attempt: _Attempt, deadline: float) -> Outcome:
        next_word = time.monotonic() + _TELL_EVERY_S
        self._engine.start(attempt.spec, tracing.trace_id())
        while True:
            said = self._engine.said(_POLL_S)
            if said is not None and said.tally:
                teacher_did(said.tally)
            if said is not None and said.outcome is not None:
                return said.outcome
            if said is not None:
                if said.progress is not None and attempt.watched is not None:
                    attempt.watched.at(said.progress.stage)
                attempt.progress = said.progress or attempt.progress
                if said.line is not None:
                    attempt.lines.add(said.line)
                if said.need is not None and (stopped := self._load_for(said.need, attempt, deadline)) is not None:
                    return stopped
            because = self._reason_to_stop(attempt, deadline)
            if because is not None:
                self._engine.kill()
                return because
            if time.monotonic() >= next_word:
                next_word = time.monotonic() + _TELL_EVERY_S
                self._tell(attempt)

    def _reason_to_stop(self, attempt: _Attempt, deadline: float) -> Outcome | None:
        if attempt.stop_because:
            return Outcome(Ending.STOPPED, attempt.stop_because)
        if time.monotonic() >= deadline:
            return Outcome(Ending.TIMED_OUT, f"It took longer than {attempt.spec.time_limit_s:.0f} s.")
        if self._is_leaving():
            return Outcome(Ending.HANDED_BACK, "The worker is going away.")
        return None

    def _tell(self, attempt: _Attempt) -> None:
        """Send progress and log lines that have gathered; nothing when there are none."""
        with self._lock:
            if attempt.progress is None and not attempt.lines:
                return
            attempt.sequence += 1
            report = self._report(attempt)
            attempt.progress = None
        if not self._send(report):
            with self._lock:
                attempt.progress = report.progress
                attempt.lines.put_back(report.log)

    def _report(self, attempt: _Attempt, outcome: Outcome | None = None) -> JobReport:
        return JobReport(
            attempt.spec.job_id,
            attempt.spec.attempt,
            self._settings.worker_name,
            attempt.sequence,
            attempt.lease.secret,
            attempt.progress,
            attempt.lines.take(),
            outcome,
        )

    def _keep_in_touch(self) -> None:
        """Say hello, and while there is a job send its heartbeat: a thread of its own, whatever the job does."""
        while True:
            self._sign_of_life.give()
            with self._lock:
                attempt = self._attempt
                beat = None
                if attempt is not None:
                    attempt.sequence += 1
                    beat = self._report(_Attempt(attempt.spec, attempt.lease, attempt.sequence))
            if beat is not None:
                self._send(beat)
            self._hello()
            pause = attempt.lease.heartbeat_s if attempt is not None else self._settings.hello_s
            if self._stop.wait(min(pause, self._settings.hello_s)):
                return

    def _hello(self, *, is_leaving: bool = False) -> None:
        attempt = self._attempt
        job_id = attempt.spec.job_id if attempt is not None else 0
        loaded = self._gpu.loaded if self._gpu is not None else None
        self._send(WorkerHello(self._settings.worker_name, self._settings.queues, job_id, is_leaving, loaded))

    def _send(self, message: JobReport | WorkerHello) -> bool:
        """Send; return whether the broker has it."""
        try:
            self._mail.send(message)
        except MailError as error:
            log.warning("mail.not_sent", kind=message.KIND, error=str(error))
            return False
        return True

    def _take(self, answer: LeaseAnswer | Confirmation) -> None:
        if isinstance(answer, LeaseAnswer):
            self._answers[answer.nonce] = answer
            self._answered.set()
            return
        if not answer.stop:
            self._outbox.confirm(answer.job_id, answer.attempt)
            return
        named, because = (answer.job_id, answer.attempt), answer.reason or "The bot said so."
        with self._lock:
            attempt = self._attempt
            self._revoked[named] = because
        if attempt is not None and (attempt.spec.job_id, attempt.spec.attempt) == named:
            attempt.stop_because = because
