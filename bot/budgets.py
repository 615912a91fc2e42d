"""Budgets: how much may be computed for whom, decided before a job is queued; a refusal says when to try again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from bot.jobs import JobKind
from pipeline.contract import Queue

# until something was measured: GPU hours that one job of a kind is expected to take
_EXPECTED_GPU_H = {
    JobKind.PRECHECK: 0.0,
    JobKind.GENERATE: 0.5,
    JobKind.EVALUATE: 1.0,
    JobKind.POSTCHECK: 0.2,
    JobKind.MIX: 0.0,
    JobKind.TRAIN: 4.0,
    JobKind.SCORE: 0.1,
    JobKind.SELECT: 0.0,
    JobKind.VARIANT: 1.0,
    JobKind.GATE: 0.5,
    JobKind.PACKAGE: 0.0,
}


@dataclass(frozen=True, slots=True)
class Budget:
    """What an operator allows. Hours are GPU hours; 0 means no limit for them."""

    going_per_pull: int = 4
    per_author_and_day: int = 20
    waiting_per_queue: int = 500
    gpu_h_per_day: float = 0.0
    gpu_h_per_month: float = 0.0
    quiet_from: time | None = None  # in UTC: between these nothing that needs a GPU begins
    quiet_until: time | None = None
    nightly_gpu_h: float = 0.0  # of one night, from `nightly_at` until it is that late again
    nightly_at: time = time(2)  # in UTC

    @property
    def limits_gpu_hours(self) -> bool:
        """True where a limit on GPU hours is set that holds for everything."""
        return bool(self.gpu_h_per_day or self.gpu_h_per_month)

    def counts_hours_of(self, kind: JobKind, *, is_nightly: bool) -> bool:
        """True where a limit on GPU hours is set that holds for such a job."""
        return needs_gpu(kind) and (self.limits_gpu_hours or (is_nightly and bool(self.nightly_gpu_h)))


@dataclass(frozen=True, slots=True)
class Spent:
    """What is spent when a job is asked for. GPU hours include what is queued, as it is expected to take."""

    going_of_pull: int
    of_author_today: int
    waiting_in_queue: int
    gpu_h_today: float
    gpu_h_this_month: float
    is_paused: bool = False
    nightly_h: float = 0.0  # of nightly jobs since the night began
    waiting_of_author: int = 0  # in the same queue


def refusal(
    kind: JobKind,
    budget: Budget,
    spent: Spent,
    expected_gpu_h: float,
    now: datetime,
    *,
    is_nightly: bool = False,
    is_of_build: bool = False,
) -> str:
    """Return why a job cannot be queued now and when to try again, in Markdown; empty when it can.

    A step of a build may be the first of a night whatever it takes, or the build would wait for ever.
    """
    if spent.is_paused and needs_gpu(kind):
        return (
            "The GPUs are paused by an operator, so nothing that needs one is queued. Try again when they are "
            "back; an operator knows when, and what is queued already begins then by itself."
        )
    if spent.going_of_pull >= budget.going_per_pull:
        return (
            f"{spent.going_of_pull} jobs of this pull request wait or run already, and {budget.going_per_pull} is "
            "the most. Try again when one of them is done, or `/cancel` one."
        )
    if spent.of_author_today >= budget.per_author_and_day:
        return (
            f"{spent.of_author_today} jobs were started for this author's pull requests today, and "
            f"{budget.per_author_and_day} is the most. Try again after {_midnight(now):%H:%M} UTC."
        )
    if spent.waiting_in_queue >= budget.waiting_per_queue:
        return (
            f"{spent.waiting_in_queue} jobs wait in this queue already, and {budget.waiting_per_queue} is the "
            "most. Try again in some hours, when they are fewer."
        )
    if is_nightly and (reason := _nightly_refusal(budget, spent, expected_gpu_h, now, is_of_build)):
        return reason
    return _gpu_refusal(budget, spent, expected_gpu_h, now)


def _nightly_refusal(budget: Budget, spent: Spent, expected_gpu_h: float, now: datetime, is_of_build: bool) -> str:
    cap = budget.nightly_gpu_h
    if not cap or not expected_gpu_h:
        return ""
    if is_of_build and fits_the_night(budget, spent.nightly_h, expected_gpu_h):
        return ""
    cost = f"This job is expected to take {expected_gpu_h:.1f} GPU hours"
    if expected_gpu_h > cap and not is_of_build:
        return f"{cost}, and a night has {cap:.1f}: it never fits. An operator may set `NIGHTLY_GPU_H` higher."
    if expected_gpu_h > cap:
        return (
            f"{cost}, and a night has {cap:.1f}: it begins only as the first of a night. An "
            "operator may set `NIGHTLY_GPU_H` higher."
        )
    if spent.nightly_h + expected_gpu_h > cap:
        left = max(0.0, cap - spent.nightly_h)
        again = f"Try again after {_next_night(now, budget)}."
        return f"{cost}, and {left:.1f} of this night's {cap:.1f} are left. {again}"
    return ""


def _gpu_refusal(budget: Budget, spent: Spent, expected_gpu_h: float, now: datetime) -> str:
    if not expected_gpu_h:
        return ""
    cost = f"This job is expected to take {expected_gpu_h:.1f} GPU hours"
    limits = ((budget.gpu_h_per_day, "day"), (budget.gpu_h_per_month, "month"))
    for limit, span in limits:
        if limit and expected_gpu_h > limit:
            setting = f"GPU_H_PER_{span.upper()}"
            return f"{cost}, and a {span} has {limit:.1f}: it never fits. An operator may set `{setting}` higher."
    if budget.gpu_h_per_day and spent.gpu_h_today + expected_gpu_h > budget.gpu_h_per_day:
        left = max(0.0, budget.gpu_h_per_day - spent.gpu_h_today)
        return f"{cost}, and {left:.1f} are left today. Try again after {_midnight(now):%H:%M} UTC."
    if budget.gpu_h_per_month and spent.gpu_h_this_month + expected_gpu_h > budget.gpu_h_per_month:
        left = max(0.0, budget.gpu_h_per_month - spent.gpu_h_this_month)
        first = _next_month(now)
        return f"{cost}, and {left:.1f} are left this month. Try again after {first.day} {first:%B}."
    return ""


def needs_gpu(kind: JobKind) -> bool:
    """True for jobs that run on a GPU."""
    return _EXPECTED_GPU_H[kind] > 0


def expected_gpu_h(kind: JobKind, measured_s: list[float]) -> float:
    """Return how many GPU hours a job should take: the median of what was measured, else a guess."""
    if not measured_s:
        return _EXPECTED_GPU_H[kind]
    return sorted(measured_s)[len(measured_s) // 2] / 3600


def is_quiet(budget: Budget, now: datetime) -> bool:
    """True in the hours in which nothing that needs a GPU begins."""
    if budget.quiet_from is None or budget.quiet_until is None:
        return False
    clock = now.timetz().replace(tzinfo=None)
    if budget.quiet_from <= budget.quiet_until:
        return budget.quiet_from <= clock < budget.quiet_until
    return clock >= budget.quiet_from or clock < budget.quiet_until


def held_because(
    queue: str,
    now: datetime,
    budget: Budget,
    paused: bool,
    *,
    is_nightly: bool = False,
    nightly_h: float = 0.0,
    expected_gpu_h: float = 0.0,
) -> str:
    """Return why what waits in a queue does not begin now, and until when, in a sentence; empty when it may.

    For a nightly job `nightly_h` is what such jobs have taken of this night, `expected_gpu_h` what it should take.
    """
    if queue == Queue.CPU:
        return ""
    if paused:
        return "The GPUs are paused by an operator; it begins by itself when they are back."
    if is_quiet(budget, now) and budget.quiet_until is not None:
        return f"These are quiet hours: it begins by itself after {budget.quiet_until:%H:%M} UTC."
    if is_nightly and not fits_the_night(budget, nightly_h, expected_gpu_h):
        return (
            f"This night's {budget.nightly_gpu_h:.1f} GPU hours are taken: it begins by itself after "
            f"{_next_night(now, budget)}."
        )
    return ""


def fits_the_night(budget: Budget, nightly_h: float, expected_gpu_h: float) -> bool:
    """True when a nightly job may begin. The first of a night may whatever it takes, or it would wait for ever."""
    cap = budget.nightly_gpu_h
    return not cap or nightly_h == 0 or (nightly_h < cap and nightly_h + expected_gpu_h <= cap)


def night_began(now: datetime, budget: Budget) -> datetime:
    """Return when this night began: the last time it was as late as the nightly work begins."""
    at = budget.nightly_at
    begun = now.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    return begun if begun <= now else begun - timedelta(days=1)


def _next_night(now: datetime, budget: Budget) -> str:
    begins = night_began(now, budget) + timedelta(days=1)
    return f"{begins:%H:%M} UTC" if begins.date() == now.date() else f"{begins:%H:%M} UTC tomorrow"


def _midnight(now: datetime) -> datetime:
    return (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def _next_month(now: datetime) -> datetime:
    return (now.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
