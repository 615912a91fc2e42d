"""What changing models adds to a job's wait, where one GPU holds either the teacher or the student."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta

from bot.job_line import in_batches
from bot.jobs import JobState
from bot.presence import Presence
from bot.store.job_line import Waiting
from bot.store.jobs import JobStore
from bot.store.stored_jobs import StoredJob
from bot.store.swaps import Direction
from pipeline.contract import Load, Queue, TaskKind, needs

_LOOK_AHEAD = 200  # jobs of a queue

# until workers have measured it, in seconds: a server falls asleep soon, starts slowly, and lies between when woken
_GUESSED_S: Mapping[Direction, float] = {
    (Load.TEACHER, Load.STUDENT): 30.0,
    (Load.STUDENT, Load.TEACHER): 60.0,
    (Load.NOTHING, Load.TEACHER): 180.0,
    (Load.NOTHING, Load.STUDENT): 0.0,
}

Workers = Callable[[], Iterable[Presence]]


class SwapForecast:
    """Tells how long swaps hold a waiting job up: those of the jobs before it, and its own."""

    def __init__(self, store: JobStore, workers: Workers) -> None:
        """`workers` are those that were heard of lately."""
        self._store = store
        self._workers = workers

    async def of(self, job: StoredJob) -> timedelta:
        """Return the swap time that is to be expected until a job runs; none where nothing is swapped."""
        swapping = [worker for worker in self._workers() if worker.loaded is not None]
        if job.life.state is not JobState.QUEUED or not any(job.queue in each.queues for each in swapping):
            return timedelta(0)
        queues = {queue for each in swapping for queue in each.queues}
        line = await self._line(queues)
        loaded = [each.loaded for each in swapping if each.loaded is not None]
        return timedelta(seconds=swap_s(job.id, need_of(job), line, loaded, await self._store.swaps.usual()))

    async def _line(self, queues: Collection[Queue]) -> list[Waiting]:
        lines = [await self._store.line.waiting(queue.value, _LOOK_AHEAD) for queue in sorted(queues)]
        return list(heapq.merge(*lines))


def swap_s(
    job_id: int, need: Load, line: list[Waiting], loaded: Collection[Load], usual: Mapping[Direction, float]
) -> float:
    """Return the seconds of all swaps until a job runs, in the order in which the line is sent.

    One that stands too far behind to be in `line` goes after all of it. `usual` is what was measured.
    """
    at = next(iter(loaded), Load.NOTHING) if need not in loaded else need
    seconds = 0.0
    planned = in_batches(line, lambda each: needs(TaskKind(each.kind.value)), loaded, limit=len(line))
    for each in planned:
        coming = needs(TaskKind(each.kind.value))
        seconds, at = seconds + one_swap_s(at, coming, usual), coming if coming is not Load.NOTHING else at
        if each.id == job_id:
            return seconds
    return seconds + one_swap_s(at, need, usual)


def one_swap_s(before: Load, after: Load, usual: Mapping[Direction, float]) -> float:
    """Return how long one swap takes, in seconds: as measured, else as guessed."""
    if before is after or after is Load.NOTHING:
        return 0.0
    return usual.get((before, after), _GUESSED_S[before, after])


def need_of(job: StoredJob) -> Load:
    """Return what has to be loaded for a job."""
    return needs(TaskKind(job.request.kind.value))


def heard_lately(workers: Mapping[str, Presence], now: datetime, within: timedelta) -> list[Presence]:
    """Return the workers that said hello within a time."""
    return [worker for worker in workers.values() if worker.heard_at > now - within]
