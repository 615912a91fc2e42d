"""Jobs as rows: what a row of the table `jobs` says, read and written."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping

from bot.job_flow import Lease, Life
from bot.jobs import Job, JobKind, JobRequest, JobState
from checks.contribution import Login, Sha
from pipeline.contract import Outcome, Progress, Queue, outcome_from_data, outcome_to_data

GOING = (JobState.QUEUED.value, JobState.RUNNING.value)
_UNPLACED = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StoredJob:
    """One job with its life. `sent_at` is when its message last went to the broker, for this attempt."""

    id: int
    request: JobRequest
    queue: str
    priority: int
    queued_at: datetime
    life: Life = Life()
    sent_at: datetime | None = None
    check_run_id: int | None = None
    finished_at: datetime | None = None
    revision: int = 0
    gpu_s: float = 0.0  # that workers have held it on a GPU queue
    due_at: datetime = _UNPLACED  # its place in the line
    check_run_sha: str = ""  # the commit at which its check run is, or is about to be made

    def living(self, life: Life, now: datetime) -> StoredJob:
        """Return the job with another life: over, it is finished now; left for another attempt, it is unsent."""
        if life == self.life:
            return self
        sent_at = None if life.attempt != self.life.attempt else self.sent_at
        finished_at = now if life.state.is_over else None
        gpu_s = self.gpu_s
        if self.life.lease is not None and life.lease is None and self.queue != Queue.CPU:
            gpu_s += (now - self.life.lease.since).total_seconds()
        return replace(self, life=life, sent_at=sent_at, finished_at=finished_at, gpu_s=gpu_s)


def as_job(stored: StoredJob, position: int = 0) -> Job:
    """Return a job as the desk sees it."""
    return Job(stored.id, stored.request, stored.life.state, stored.queued_at, position)


def life_columns(life: Life) -> dict[str, Any]:
    """Return what the columns of a job's life hold."""
    lease, progress = life.lease, life.progress
    return {
        "state": life.state.value,
        "attempt": life.attempt,
        "infra_retries": life.infra_retries,
        "hand_backs": life.hand_backs,
        "not_before": life.not_before,
        "message": life.message,
        "progress_share": progress.share if progress else None,
        "progress_stage": progress.stage if progress else "",
        "outcome": json.dumps(outcome_to_data(life.outcome)) if life.outcome else "",
        "lease_worker": lease.worker if lease else "",
        "lease_secret_digest": lease.secret_digest if lease else "",
        "lease_since": lease.since if lease else None,
        "lease_heard_at": lease.heard_at if lease else None,
        "lease_deadline": lease.deadline if lease else None,
        "lease_sequence": lease.sequence if lease else 0,
    }


def stored_job(row: RowMapping) -> StoredJob:
    """Return the job of a row."""
    request = JobRequest(
        row["repository_id"],
        row["number"],
        JobKind(row["kind"]),
        Sha(row["head_sha"]),
        row["asked_by_id"],
        Login(row["asked_by"]),
        row["source"],
        row["content_digest"],
        row["build_id"],
        row["build_attempt"],
        row["step"],
        row["variant"],
    )
    return StoredJob(
        row["id"],
        request,
        row["queue"],
        row["priority"],
        row["queued_at"],
        _life(row),
        row["sent_at"],
        row["check_run_id"],
        row["finished_at"],
        row["revision"],
        row["gpu_s"],
        row["due_at"],
        row["check_run_sha"],
    )


def _life(row: RowMapping) -> Life:
    lease = None
    if row["lease_worker"]:
        lease = Lease(
            row["lease_worker"],
            row["lease_secret_digest"],
            row["lease_since"],
            row["lease_heard_at"],
            row["lease_deadline"],
            row["lease_sequence"],
        )
    share = row["progress_share"]
    outcome: Outcome | None = outcome_from_data(json.loads(row["outcome"])) if row["outcome"] else None
    return Life(
        JobState(row["state"]),
        row["attempt"],
        row["infra_retries"],
        row["hand_backs"],
        lease,
        row["not_before"],
        row["message"],
        Progress(share, row["progress_stage"]) if share is not None else None,
        outcome,
    )
