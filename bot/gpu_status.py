"""How it stands with the GPUs, in lines for an operator: paused, quiet, queues, hours spent, swaps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.budgets import Budget, held_because, is_quiet, night_began
from bot.store.gpu_hours import GpuHours
from bot.store.jobs import JobStore
from bot.store.swaps import Direction
from bot.store.switches import GPU_PAUSED, Switch, Switches
from pipeline.contract import Queue


@dataclass(frozen=True, slots=True)
class GpuFacts:
    """What is known at one moment. `queues` holds of each queue how many jobs wait and run."""

    now: datetime
    paused: Switch
    queues: Mapping[str, tuple[int, int]]
    used: GpuHours
    nightly_h: float
    swaps: Mapping[Direction, float]
    of_builds: Mapping[str, int] = field(default_factory=dict)  # of those, how many are steps of builds


async def gpu_facts(store: JobStore, switches: Switches, budget: Budget, now: datetime) -> GpuFacts:
    """Gather the facts."""
    costs = await store.times.expected_costs()
    return GpuFacts(
        now,
        await switches.get(GPU_PAUSED),
        {queue: (waiting, running) for queue, waiting, running in await store.counts()},
        await store.gpu_hours.used(now),
        await store.gpu_hours.of_night(now, night_began(now, budget), costs),
        await store.swaps.usual(),
        await store.counts_of_builds(),
    )


def status_lines(facts: GpuFacts, budget: Budget) -> Iterator[str]:
    """Yield the lines."""
    yield _paused(facts.paused)
    yield _quiet(budget, facts.now)
    for queue in Queue:
        waiting, running = facts.queues.get(queue, (0, 0))
        held = held_because(queue, facts.now, budget, facts.paused.is_on)
        of_builds = f", {count} of them of a nightly build" if (count := facts.of_builds.get(queue, 0)) else ""
        yield f"{queue:10} {waiting} waiting, {running} running{of_builds}{' (held)' if held and waiting else ''}"
    yield f"GPU hours today: {_of(facts.used.today, budget.gpu_h_per_day)}"
    yield f"GPU hours this month: {_of(facts.used.this_month, budget.gpu_h_per_month)}"
    began = night_began(facts.now, budget)
    yield f"Nightly GPU hours since {began:%d %B, %H:%M} UTC: {_of(facts.nightly_h, budget.nightly_gpu_h)}"
    for (before, after), seconds in facts.swaps.items():
        yield f"Swap from {before} to {after}: {seconds:.0f} s (median)"


def _paused(paused: Switch) -> str:
    if not paused.is_on:
        return "GPUs: in use"
    by = f" by {paused.set_by}" if paused.set_by else ""
    since = f" since {paused.at:%d %B %Y, %H:%M} UTC" if paused.at else ""
    return f"GPUs: paused{by}{since}; what runs goes on, `taxonomy-bot gpu resume` lifts it"


def _quiet(budget: Budget, now: datetime) -> str:
    if budget.quiet_from is None or budget.quiet_until is None:
        return "Quiet hours: none"
    hours = f"{budget.quiet_from:%H:%M}-{budget.quiet_until:%H:%M} UTC"
    return f"Quiet hours: {hours}{', now' if is_quiet(budget, now) else ''}"


def _of(used: float, limit: float) -> str:
    return f"{used:.1f} of {limit:.1f}" if limit else f"{used:.1f} (no limit)"
