"""The overview of a repository: what waits, what runs, how the last build went, and whether all is well."""

from __future__ import annotations

from bot.dashboard.overview_view import overview_seen
from bot.dashboard.registry import REPOSITORY, Sees, page
from bot.dashboard.visit import Shown, Visit

_MOST_RUNNING = 12


@page(REPOSITORY, "Overview", sees=Sees.READERS, menu=10)
async def overview(visit: Visit) -> Shown:
    """Show how things stand."""
    seen = await overview_seen(visit)
    running = [job for queue in seen.queues for job in queue.running]
    facts = {
        "queues": seen.queues,
        "running": tuple(running[:_MOST_RUNNING]),
        "running_more": max(0, len(running) - _MOST_RUNNING),
        "newest": seen.newest,
        "waits": seen.waits,
        "open_pulls": seen.open_pulls,
        "build": seen.build,
        "served": seen.served,
        "signs": seen.signs,
        "is_paused": seen.is_paused,
        "is_observed": seen.is_observed,
    }
    return Shown("overview.html", facts)
