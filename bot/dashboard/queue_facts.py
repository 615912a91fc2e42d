"""The queues as pages show them: what runs, what waits and until when, and who works. Made by pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.budgets import Budget, held_because, is_quiet
from bot.dashboard.access import Access
from bot.dashboard.job_words import BADGES, QUEUES, TITLES
from bot.job_prospects import Times, Work, begins_in, remaining
from bot.presence import PRESENT_FOR, Presence
from bot.store.board_jobs import JobRow, PullOfJob
from bot.store.gpu_hours import GpuHours
from bot.store.swaps import Direction
from bot.store.switches import Switch
from pipeline.contract import Queue


@dataclass(frozen=True, slots=True)
class JobShown:
    """A job in a list. One of another repository is only there: neither whose nor which it is.

    `is_open` says whether the reader may open its page; `worker` is told to triagers alone.
    """

    id: int
    is_ours: bool
    title: str
    number: int
    pull_title: str
    author: str
    build_id: int
    night: str
    asked_by: str
    badge: str
    badge_kind: str
    is_open: bool
    share: float | None
    stage: str
    worker: str
    queued_at: datetime
    begun_at: datetime | None
    finished_at: datetime | None
    gpu_s: float
    expected_at: datetime | None = None  # to begin, while it waits; to be done, while it runs


@dataclass(frozen=True, slots=True)
class QueueShown:
    """One queue. `idle` is how many workers have nothing to do there; None where nobody has heard of any."""

    name: str
    title: str
    waiting: int
    running: tuple[JobShown, ...]
    line: tuple[JobShown, ...]
    held_because: str
    workers: int | None
    idle: int | None

    @property
    def left_out(self) -> int:
        """How many wait behind those that are shown."""
        return max(0, self.waiting - len(self.line))

    @property
    def is_stuck(self) -> bool:
        """True where something waits, nothing holds it and nobody is there to do it."""
        return bool(self.waiting) and not self.held_because and not self.running and self.workers == 0


@dataclass(frozen=True, slots=True)
class WorkerShown:
    """A worker. `heard_at` is None where only its job tells of it."""

    name: str
    queues: tuple[str, ...]
    job: JobShown | None
    loaded: str
    heard_at: datetime | None


@dataclass(frozen=True, slots=True)
class GpuShown:
    """How it stands with the GPUs. Hours; a limit of 0 is none."""

    is_paused: bool
    paused_by: str
    paused_at: datetime | None
    quiet_hours: str
    is_quiet: bool
    used_today: float
    per_day: float
    used_this_month: float
    per_month: float
    nightly: float
    per_night: float
    swaps: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class ShopFloor:
    """All that is known of the queues at one moment."""

    now: datetime
    counts: Mapping[str, tuple[int, int]]
    running: Sequence[JobRow]
    lines: Mapping[str, Sequence[JobRow]]
    workers: Mapping[str, Presence]
    times: Times
    budget: Budget
    paused: Switch
    pulls: Mapping[int, PullOfJob] = field(default_factory=dict)
    nights: Mapping[int, str] = field(default_factory=dict)

    @property
    def present(self) -> dict[str, Presence]:
        """The workers that were heard of lately."""
        return {name: each for name, each in self.workers.items() if self.now - each.heard_at < PRESENT_FOR}


def job_shown(
    row: JobRow,
    access: Access,
    pulls: Mapping[int, PullOfJob],
    nights: Mapping[int, str],
    expected_at: datetime | None = None,
) -> JobShown:
    """Return a job as this reader may see it in a list."""
    is_ours = row.repository_id == access.origin.repository_id
    pull = pulls.get(row.number, PullOfJob()) if is_ours else PullOfJob()
    badge, badge_kind = BADGES[row.state]
    return JobShown(
        id=row.id if is_ours else 0,
        is_ours=is_ours,
        title=TITLES[row.kind],
        number=row.number if is_ours else 0,
        pull_title=pull.title,
        author=pull.author,
        build_id=row.build_id if is_ours else 0,
        night=nights.get(row.build_id, "") if is_ours else "",
        asked_by=row.asked_by if is_ours else "",
        badge=badge,
        badge_kind=badge_kind,
        is_open=is_ours and access.reads_data(pull.author_id),
        share=row.progress_share,
        stage=row.progress_stage if is_ours else "",
        worker=row.worker if access.triages else "",
        queued_at=row.queued_at,
        begun_at=row.since,
        finished_at=row.finished_at,
        gpu_s=row.gpu_s,
        expected_at=expected_at,
    )


def queues_shown(floor: ShopFloor, access: Access) -> Iterator[QueueShown]:
    """Yield each queue that has something to do, or somebody to do it; training and measuring, too, when idle."""
    for queue in Queue:
        shown = _queue(queue, floor, access)
        if shown.waiting or shown.running or shown.workers or queue is not Queue.BUILD:
            yield shown


def _queue(queue: Queue, floor: ShopFloor, access: Access) -> QueueShown:
    running = [row for row in floor.running if row.queue == queue]
    present = {name for name, each in floor.present.items() if queue in each.queues}
    busy = {row.worker: row for row in floor.running if row.queue == queue or row.worker in present}
    idle = len(present - busy.keys())
    held = held_because(queue, floor.now, floor.budget, floor.paused.is_on)
    line = floor.lines.get(queue, ())
    works = [_work(row, floor.now) for row in busy.values()]
    waits = begins_in((row.kind.value for row in line), works, idle, floor.times)
    expected = [None if held or wait is None else floor.now + wait for wait in waits]
    return QueueShown(
        name=queue.value,
        title=QUEUES[queue],
        waiting=floor.counts.get(queue, (0, 0))[0],
        running=tuple(_shown(row, floor, access, _done_at(row, floor)) for row in running),
        line=tuple(
            _shown(row, floor, access, _later(at, row.not_before)) for row, at in zip(line, expected, strict=True)
        ),
        held_because=held,
        workers=len(present) if floor.workers else None,
        idle=idle if floor.workers else None,
    )


def workers_shown(floor: ShopFloor, access: Access) -> tuple[WorkerShown, ...]:
    """Return the workers that were heard of, and those whose jobs run."""
    jobs = {row.worker: row for row in floor.running if row.worker}
    shown = []
    for name in sorted(floor.present.keys() | jobs.keys()):
        each, row = floor.present.get(name), jobs.get(name)
        queues = tuple(QUEUES[queue] for queue in Queue if each is not None and queue in each.queues)
        if each is None and row is not None:
            queues = (QUEUES[Queue(row.queue)],)
        loaded = each.loaded.value if each is not None and each.loaded is not None else ""
        job = _shown(row, floor, access, None) if row is not None else None
        shown.append(WorkerShown(name, queues, job, loaded, each.heard_at if each else None))
    return tuple(shown)


def gpus_shown(floor: ShopFloor, used: GpuHours, nightly_h: float, swaps: Mapping[Direction, float]) -> GpuShown:
    """Return how it stands with the GPUs."""
    budget, paused = floor.budget, floor.paused
    hours = ""
    if budget.quiet_from is not None and budget.quiet_until is not None:
        hours = f"{budget.quiet_from:%H:%M} to {budget.quiet_until:%H:%M} UTC"
    return GpuShown(
        is_paused=paused.is_on,
        paused_by=paused.set_by if paused.is_on else "",
        paused_at=paused.at if paused.is_on else None,
        quiet_hours=hours,
        is_quiet=is_quiet(budget, floor.now),
        used_today=used.today,
        per_day=budget.gpu_h_per_day,
        used_this_month=used.this_month,
        per_month=budget.gpu_h_per_month,
        nightly=nightly_h,
        per_night=budget.nightly_gpu_h,
        swaps=tuple((f"from {before} to {after}", seconds) for (before, after), seconds in swaps.items()),
    )


def _shown(row: JobRow, floor: ShopFloor, access: Access, expected_at: datetime | None) -> JobShown:
    return job_shown(row, access, floor.pulls, floor.nights, expected_at)


def _work(row: JobRow, now: datetime) -> Work:
    return Work(row.kind.value, now - (row.since or now), row.progress_share)


def _done_at(row: JobRow, floor: ShopFloor) -> datetime | None:
    left = remaining(_work(row, floor.now), floor.times)
    return floor.now + left if left is not None else None


def _later(at: datetime | None, not_before: datetime | None) -> datetime | None:
    return max(at, not_before) if at is not None and not_before is not None else at
