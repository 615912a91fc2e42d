"""A job's life as pure steps: whatever arrives in whatever order, it ends once, in exactly one honest state.

Invariants, which a model check holds over random orders of events:

- A job that is over stays as it is until somebody asks for it again.
- The attempt only grows; a report counts only with the attempt in force and its lease's secret.
- At most one lease is in force.
- Infrastructure errors are retried a bounded number of times; a contribution's failure never is.
- A job that was superseded or cancelled never becomes anything else through what its worker tells.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from bot.jobs import JobState
from pipeline.contract import Ending, JobReport, Outcome, Progress

MOST_HAND_BACKS = 20  # a worker that goes away is nobody's fault, but not without end


@dataclass(frozen=True, slots=True)
class Lease:
    """Who works on an attempt. Of the secret only a digest is kept."""

    worker: str
    secret_digest: str
    since: datetime
    heard_at: datetime
    deadline: datetime
    sequence: int = 0  # of the last report that was taken

    def knows(self, secret: str) -> bool:
        """True for the secret that the lease was granted with."""
        return hmac.compare_digest(self.secret_digest, digest_of_secret(secret))


@dataclass(frozen=True, slots=True)
class Life:
    """How one job stands. `attempt` counts from 1 and is fenced: what older attempts tell is not heard."""

    state: JobState = JobState.QUEUED
    attempt: int = 1
    infra_retries: int = 0
    hand_backs: int = 0
    lease: Lease | None = None
    not_before: datetime | None = None  # a retry waits a little
    message: str = ""
    progress: Progress | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited for what, and how often infrastructure errors are retried."""

    heartbeat: timedelta = timedelta(seconds=60)
    infra_retries: int = 2
    retry_pause: timedelta = timedelta(seconds=30)


class NotHeardError(Exception):
    """What a worker asks or tells does not count; the text says why, for its log."""


_ENDS: Mapping[Ending, JobState] = MappingProxyType(
    {
        Ending.SUCCEEDED: JobState.SUCCEEDED,
        Ending.FAILED_BY_CONTRIBUTION: JobState.FAILED_BY_CONTRIBUTION,
        Ending.TIMED_OUT: JobState.TIMED_OUT,
        Ending.STOPPED: JobState.CANCELLED,
    }
)


def granted(
    life: Life, attempt: int, worker: str, secret: str, now: datetime, time_limit: timedelta, grace: timedelta
) -> Life:
    """Return the life with the lease given to a worker. Raises NotHeardError when it may not have it.

    The deadline is the time limit and some grace, for the worker is to notice first. Who has the lease and asks
    once more, because the answer got lost, has been heard and keeps it.
    """
    if life.lease is not None and life.attempt == attempt and life.lease.knows(secret):
        return replace(life, lease=replace(life.lease, heard_at=now))
    if life.state is JobState.RUNNING and life.lease is not None and life.attempt == attempt:
        raise NotHeardError(f"attempt {attempt} is being done by another worker")
    if life.state is not JobState.QUEUED:
        raise NotHeardError(f"the job is {life.state}")
    if life.attempt != attempt:
        raise NotHeardError(f"attempt {attempt} is not the one in force")
    lease = Lease(worker, digest_of_secret(secret), now, now, now + time_limit + grace)
    return replace(life, state=JobState.RUNNING, lease=lease, not_before=None, progress=None, message="")


def told(life: Life, report: JobReport, now: datetime, patience: Patience) -> Life:
    """Return the life after a report. Raises NotHeardError for one that does not count.

    A report that was taken already changes nothing.
    """
    lease = life.lease
    if life.state is not JobState.RUNNING or lease is None:
        raise NotHeardError(f"the job is {life.state}")
    if report.attempt != life.attempt or not lease.knows(report.secret):
        raise NotHeardError(f"attempt {report.attempt} is not the one in force")
    if report.sequence <= lease.sequence and report.outcome is None:
        return life
    heard = replace(lease, heard_at=now, sequence=max(lease.sequence, report.sequence))
    life = replace(life, lease=heard, progress=report.progress or life.progress)
    if report.outcome is None:
        return life
    if report.outcome.ending is Ending.HANDED_BACK:
        return _handed_back(life, report.outcome, now, patience)
    if report.outcome.ending is Ending.INFRA_ERROR:
        return _broken(life, report.outcome.message, now, patience, report.outcome)
    return replace(
        life,
        state=_ENDS[report.outcome.ending],
        lease=None,
        outcome=report.outcome,
        message=report.outcome.message,
    )


def refused(life: Life, attempt: int, message: str, now: datetime, patience: Patience) -> Life:
    """Return the life after a worker could not read the attempt: boundedly often tried again, after a pause.

    Raises NotHeardError when somebody does that attempt already, or it is not the one in force.
    """
    if life.state is not JobState.QUEUED:
        raise NotHeardError(f"the job is {life.state}")
    if life.attempt != attempt:
        raise NotHeardError(f"attempt {attempt} is not the one in force")
    return _broken(life, message, now, patience, None)


def looked_after(
    life: Life,
    now: datetime,
    patience: Patience,
    can_hear_since: datetime | None = None,
    heard_until: datetime | None = None,
) -> Life:
    """Return the life after a look at the clock: a worker that fell silent, or takes too long, loses its lease.

    Silence before `can_hear_since` and after `heard_until` was not the worker's: nobody could be heard.
    """
    lease = life.lease
    if life.state is not JobState.RUNNING or lease is None:
        return life
    if now >= lease.deadline:
        return replace(life, state=JobState.TIMED_OUT, lease=None, message="It took longer than its time limit.")
    heard_at = max(lease.heard_at, can_hear_since) if can_hear_since else lease.heard_at
    if (heard_until or now) - heard_at >= patience.heartbeat:
        return _broken(life, f"The worker {lease.worker} fell silent.", now, patience, None)
    return life


def ended(life: Life, state: JobState, message: str = "") -> Life:
    """Return the life cancelled or superseded; one that is over stays as it is."""
    if life.state.is_over:
        return life
    return replace(life, state=state, lease=None, not_before=None, message=message)


def begun_again(life: Life) -> Life:
    """Return the life queued anew because somebody asked for it; one that is not over stays as it is."""
    if not life.state.is_over:
        return life
    return Life(attempt=life.attempt + 1)


def _handed_back(life: Life, outcome: Outcome, now: datetime, patience: Patience) -> Life:
    if life.hand_backs >= MOST_HAND_BACKS:
        return _broken(life, outcome.message, now, patience, outcome)
    return replace(
        life, state=JobState.QUEUED, attempt=life.attempt + 1, lease=None, hand_backs=life.hand_backs + 1
    )


def _broken(life: Life, message: str, now: datetime, patience: Patience, outcome: Outcome | None) -> Life:
    """Queue it anew while there are retries left; then it is over, and it is our fault."""
    if life.infra_retries >= patience.infra_retries:
        return replace(life, state=JobState.INFRA_ERROR, lease=None, message=message, outcome=outcome)
    return replace(
        life,
        state=JobState.QUEUED,
        attempt=life.attempt + 1,
        infra_retries=life.infra_retries + 1,
        lease=None,
        not_before=now + patience.retry_pause * 2**life.infra_retries,
        message=message,
    )


def digest_of_secret(secret: str) -> str:
    """Return what is kept of a lease's secret."""
    return hashlib.sha256(b"taxonomy-bot lease\0" + secret.encode()).hexdigest()
