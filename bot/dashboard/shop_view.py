"""Looking at the queues: gathers from the stores what their pages are made of."""

from __future__ import annotations

from bot.dashboard.queue_facts import ShopFloor
from bot.dashboard.visit import Visit
from bot.store.board_jobs import BoardJobs
from bot.store.jobs import JobStore
from bot.store.switches import GPU_PAUSED, Switches
from pipeline.contract import Queue

_MOST_RUNNING = 100


async def shop_seen(visit: Visit, most_waiting: int) -> ShopFloor:
    """Return all that is known of the queues now; of each line the first few."""
    house, board = visit.house, BoardJobs(visit.house.reads)
    counts = {queue: (waiting, running) for queue, waiting, running in await JobStore(house.reads).counts()}
    running = await board.running(_MOST_RUNNING) if any(busy for _, busy in counts.values()) else []
    lines = await board.waiting([queue.value for queue in Queue if counts.get(queue, (0, 0))[0]], most_waiting)
    rows = [*running, *(row for line in lines.values() for row in line)]
    ours = [row for row in rows if row.repository_id == visit.repository_id]
    return ShopFloor(
        now=visit.now,
        counts=counts,
        running=running,
        lines=lines,
        workers=await house.workers(),
        times=await house.paces.of(row.kind for row in rows),
        budget=house.settings.budget,
        paused=await Switches(house.reads).get(GPU_PAUSED),
        pulls=await board.titles(visit.repository_id, {row.number for row in ours if row.number}),
        nights=await board.build_names({row.build_id for row in ours if row.build_id}),
    )
