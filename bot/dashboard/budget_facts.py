"""What may be computed and asked for, and how much of it is used: GPU hours, requests to GitHub, writes there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.budgets import Budget, is_quiet, night_began
from bot.dashboard.visit import Visit
from bot.github.pacing import Pace
from bot.gpu_status import GpuFacts, gpu_facts
from bot.store.jobs import JobStore
from bot.store.switches import Switches


@dataclass(frozen=True, slots=True)
class HoursFacts:
    """GPU hours of one span of time. Without a limit, `allowed` and `share` are None."""

    span: str
    since: datetime
    used_h: float
    allowed_h: float | None
    share: float | None


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """How many requests GitHub still answers before `resets_at`, as it last told this process."""

    limit: int
    left: int
    resets_at: datetime


@dataclass(frozen=True, slots=True)
class PaceFacts:
    """How many writes this process may send now without waiting, and how long the next one waits."""

    at_once_left: int
    at_once: int
    per_minute: int
    hour_left: int
    per_hour: int
    wait_s: float


@dataclass(frozen=True, slots=True)
class BudgetFacts:
    """All budgets. GPU hours are of all repositories that this bot serves; quiet hours are empty for none."""

    gpus_are_paused: bool
    paused_by: str
    paused_at: datetime | None
    quiet_hours: str
    is_quiet: bool
    hours: tuple[HoursFacts, ...]
    jobs_per_pull: int
    jobs_per_author_and_day: int
    jobs_waiting_per_queue: int
    requests: RequestFacts | None
    pace: PaceFacts


async def budgets_of(visit: Visit) -> BudgetFacts:
    """Gather how much of each budget is used."""
    house = visit.house
    budget, engine = house.settings.budget, house.reads
    facts = await gpu_facts(JobStore(engine), Switches(engine), budget, visit.now)
    client = house.github.installation(visit.origin.installation_id)
    told = client.limits.scarcest()
    requests = RequestFacts(told.limit, told.remaining, told.reset_datetime) if told is not None else None
    return budget_facts(facts, budget, requests, client.pace, house.settings.writes_per_minute)


def budget_facts(
    facts: GpuFacts, budget: Budget, requests: RequestFacts | None, pace: Pace, per_minute: int
) -> BudgetFacts:
    """Return what there is to say of the budgets."""
    day = facts.now.replace(hour=0, minute=0, second=0, microsecond=0)
    quiet = ""
    if budget.quiet_from is not None and budget.quiet_until is not None:
        quiet = f"{budget.quiet_from:%H:%M} to {budget.quiet_until:%H:%M} UTC"
    return BudgetFacts(
        gpus_are_paused=facts.paused.is_on,
        paused_by=facts.paused.set_by,
        paused_at=facts.paused.at,
        quiet_hours=quiet,
        is_quiet=is_quiet(budget, facts.now),
        hours=(
            _hours("Today", day, facts.used.today, budget.gpu_h_per_day),
            _hours("This month", day.replace(day=1), facts.used.this_month, budget.gpu_h_per_month),
            _hours(
                "Nightly work of this night",
                night_began(facts.now, budget),
                facts.nightly_h,
                budget.nightly_gpu_h,
            ),
        ),
        jobs_per_pull=budget.going_per_pull,
        jobs_per_author_and_day=budget.per_author_and_day,
        jobs_waiting_per_queue=budget.waiting_per_queue,
        requests=requests,
        pace=PaceFacts(pace.burst_left, pace.burst, per_minute, pace.hour_left, pace.per_hour, pace.wait_s),
    )


def _hours(span: str, since: datetime, used_h: float, limit_h: float) -> HoursFacts:
    if not limit_h:
        return HoursFacts(span, since, used_h, None, None)
    return HoursFacts(span, since, used_h, limit_h, min(1.0, used_h / limit_h))
