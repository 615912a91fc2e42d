"""Budgets: how much may be computed for whom, decided before a job is queued; a refusal says when to try again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from bot.jobs import JobKind

# until something was measured: GPU hours that one job of a kind is expected to take
_EXPECTED_GPU_H = {JobKind.PRECHECK: 0.0, JobKind.GENERATE: 0.5, JobKind.EVALUATE: 1.0, JobKind.POSTCHECK: 0.2}


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


@dataclass(frozen=True, slots=True)
class Spent:
    """What is spent when a job is asked for. GPU hours include what is queued, as it is expected to take."""

    going_of_pull: int
    of_author_today: int
    waiting_in_queue: int
    gpu_h_today: float
    gpu_h_this_month: float
    is_paused: bool = False


def refusal(kind: JobKind, budget: Budget, spent: Spent, expected_gpu_h: float, now: datetime) -> str:
    """Return why a job cannot be queued now and when to try again, in Markdown; empty when it can."""
    if spent.is_paused and needs_gpu(kind):
        return "The GPUs are paused by a maintainer. Try again later; `/status` tells when they are back."
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
        return f"{spent.waiting_in_queue} jobs wait already. Try again in some hours."
    return _gpu_refusal(budget, spent, expected_gpu_h, now)


def _gpu_refusal(budget: Budget, spent: Spent, expected_gpu_h: float, now: datetime) -> str:
    if not expected_gpu_h:
        return ""
    cost = f"This job is expected to take {expected_gpu_h:.1f} GPU hours"
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


def _midnight(now: datetime) -> datetime:
    return (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def _next_month(now: datetime) -> datetime:
    return (now.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
