"""The queues: what runs, what waits and about how long, and who works."""

from __future__ import annotations

from dataclasses import dataclass

from bot.dashboard.queue_facts import QueueShown, WorkerShown, queues_shown, workers_shown
from bot.dashboard.registry import Sees
from bot.dashboard.resource_registry import REPOSITORY, resource
from bot.dashboard.shop_view import shop_seen
from bot.dashboard.visit import Visit

_MOST_WAITING = 25  # of each queue


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """All queues, with the first that wait in each, and the workers; those are told to triagers alone."""

    queues: tuple[QueueShown, ...]
    workers: tuple[WorkerShown, ...]


@resource(f"{REPOSITORY}/queue", "The queues and the workers", sees=Sees.READERS)
async def queue(visit: Visit) -> QueueFacts:
    """Return how they stand."""
    floor = await shop_seen(visit, _MOST_WAITING)
    workers = workers_shown(floor, visit.access) if visit.access.triages else ()
    return QueueFacts(tuple(queues_shown(floor, visit.access)), workers)
