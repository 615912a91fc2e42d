"""The queues: what runs, what waits and about how long, who works, and what holds work up."""

from __future__ import annotations

from bot.budgets import night_began
from bot.dashboard.queue_facts import gpus_shown, queues_shown, workers_shown
from bot.dashboard.registry import REPOSITORY, Sees, page
from bot.dashboard.shop_view import shop_seen
from bot.dashboard.visit import Shown, Visit
from bot.store.jobs import JobStore

_MOST_WAITING = 25  # of each queue


@page(REPOSITORY + "/queue", "Queue and workers", sees=Sees.READERS, menu=40)
async def queue(visit: Visit) -> Shown:
    """Show the queues."""
    floor, jobs = await shop_seen(visit, _MOST_WAITING), JobStore(visit.house.reads)
    used = await jobs.gpu_hours.used(visit.now)
    nightly_h = 0.0
    if floor.budget.nightly_gpu_h:
        began = night_began(visit.now, floor.budget)
        nightly_h = await jobs.gpu_hours.of_night(visit.now, began, await jobs.times.expected_costs())
    facts = {
        "queues": tuple(queues_shown(floor, visit.access)),
        "workers": workers_shown(floor, visit.access) if visit.access.triages else (),
        "gpus": gpus_shown(floor, used, nightly_h, await jobs.swaps.usual()),
        "has_workers": bool(floor.workers),
    }
    return Shown("queue.html", facts)
