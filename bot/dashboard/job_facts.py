"""One job as its page shows it: all facts of it in one place, made by a pure function."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.dashboard.access import Access
from bot.dashboard.job_frame import OpenedJob
from bot.dashboard.job_words import BADGES, PURPOSES, TITLES, place_in_words, state_in_words
from bot.job_views import made_by
from bot.jobs import Job, JobState
from bot.store.board_logs import AttemptTold
from bot.store.stored_jobs import StoredJob
from pipeline.contract import Queue


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file that a job has made. `size` in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class JobFacts:
    """A job. `share` is its progress from 0 to 1, None while nothing is known; `number` is 0 for a step of a build."""

    id: int
    title: str
    purpose: str
    number: int
    author: str
    pull_title: str
    build_id: int
    step: str
    commit: str
    asked_by: str
    badge: str
    badge_kind: str
    words: str
    is_over: bool
    is_running: bool
    share: float | None
    stage: str
    held_because: str
    expected_end: datetime | None
    queued_at: datetime
    begun_at: datetime | None
    finished_at: datetime | None
    heard_at: datetime | None
    not_before: datetime | None
    attempt: int
    breakdowns: int
    hand_backs: int
    worker: str
    gpu: str
    gpu_s: float
    run_s: float | None
    expected_gpu_h: float | None
    message: str
    verdict: str
    files: tuple[FileFacts, ...]
    attempts: tuple[AttemptTold, ...]
    may_cancel: bool
    may_retry: bool
    form: str  # what a showing of its buttons is known by


def job_facts(
    opened: OpenedJob, seen: Job | None, attempts: Iterable[AttemptTold], access: Access, now: datetime
) -> JobFacts:
    """Return what there is to say of a job; `seen` is how its queue sees it, None where there is no queue."""
    stored, pull = opened.stored, opened.pull
    request, life = stored.request, stored.life
    badge, badge_kind = BADGES[life.state]
    progress, lease, outcome = life.progress, life.lease, life.outcome
    is_running = life.state is JobState.RUNNING
    prospects = seen.prospects if seen is not None and not life.state.is_over else None
    machine = outcome.machine if outcome is not None else None
    may_act = access.triages or access.is_account(pull.author_id)
    return JobFacts(
        id=stored.id,
        title=TITLES[request.kind],
        purpose=PURPOSES[request.kind],
        number=request.number,
        author=pull.author,
        pull_title=pull.title,
        build_id=request.build_id,
        step=request.step,
        commit=request.head_sha,
        asked_by=request.asked_by,
        badge=badge,
        badge_kind=badge_kind,
        words=_words(stored, seen),
        is_over=life.state.is_over,
        is_running=is_running,
        share=min(1.0, max(0.0, progress.share)) if progress is not None and is_running else None,
        stage=progress.stage if progress is not None and is_running else "",
        held_because=prospects.held_because if prospects else "",
        expected_end=prospects.done_at if prospects else None,
        queued_at=stored.queued_at,
        begun_at=lease.since if lease else None,
        finished_at=stored.finished_at,
        heard_at=lease.heard_at if lease else None,
        not_before=life.not_before if life.not_before and life.not_before > now else None,
        attempt=life.attempt,
        breakdowns=life.infra_retries,
        hand_backs=life.hand_backs,
        worker=lease.worker if lease else machine.host if machine else "",
        gpu=machine.gpu if machine else "",
        gpu_s=_gpu_s(stored, now),
        run_s=outcome.run_s if outcome is not None else None,
        expected_gpu_h=seen.expected_gpu_h if seen else None,
        message=life.message,
        verdict=outcome.verdict if outcome is not None and life.state is JobState.SUCCEEDED else "",
        files=tuple(FileFacts(each.name, each.sha256, each.size) for each in made_by(stored, now)),
        attempts=tuple(attempts),
        may_cancel=may_act and not life.state.is_over and not request.is_of_build,
        may_retry=access.triages and life.state.is_retriable and not request.is_of_build,
        form=hashlib.sha256(f"job {stored.id} at {stored.revision}".encode()).hexdigest()[:32],
    )


def _words(stored: StoredJob, seen: Job | None) -> str:
    if stored.life.state is not JobState.QUEUED:
        return state_in_words(stored.life.state, is_of_build=stored.request.is_of_build)
    if seen is None or not seen.position:
        return "It waits for a worker."
    return place_in_words(seen.position)


def _gpu_s(stored: StoredJob, now: datetime) -> float:
    """Return for how long workers have held it on a GPU queue, up to now."""
    lease = stored.life.lease
    held_s = (now - lease.since).total_seconds() if lease is not None and stored.queue != Queue.CPU else 0.0
    return stored.gpu_s + max(0.0, held_s)
