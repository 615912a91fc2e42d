"""A long line of jobs in one database: `python -m benchmarks.job_line DATABASE_URL`, figures as JSON.

The bot's process is held to one core. Every job is asked for through the engine, with the budgets and all that an
order costs, some at a time as the desk does it; no worker is there, so that all of them wait in one queue.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles

from bot.budgets import Budget
from bot.clock import SystemClock
from bot.job_engine import JobEngine
from bot.job_mail import JobMail
from bot.jobs import JobKind, JobRequest
from bot.store.database import migrate, open_engine
from bot.store.jobs import JobStore
from bot.store.pull_requests import PullMemory, PullRequestStore
from bot.store.stored_jobs import StoredJob
from checks.contribution import Login, Sha

JOBS = 10_000
KINDS = (JobKind.EVALUATE, JobKind.POSTCHECK)  # both wait in one queue
REPOSITORY = 1
AUTHORS = 1_000
AT_ONCE = 8
ASKED_FOR_PLACE = 500


@dataclass(frozen=True, slots=True)
class Line:
    """What a database came to. Times in milliseconds, memory in MiB."""

    jobs: int
    per_s: float  # by the clock on the wall, which counts what other programs take
    per_core_s: float  # by the time that the process had its core
    per_core_s_at_the_end: float  # the last tenth, when the line is longest
    position_median_ms: float
    position_p95_ms: float
    view_p95_ms: float  # the place with all that is told beside it
    next_p95_ms: float  # the sender's question which one goes first
    memory_before_mib: float  # when a tenth was queued
    memory_after_mib: float


async def long_line(database_url: str, jobs: int = JOBS) -> Line:
    """Return what queueing and asking cost."""
    database = open_engine(database_url)
    await migrate(database)
    store, clock = JobStore(database), SystemClock()
    await _pull_requests(PullRequestStore(database), clock, jobs // len(KINDS))

    async def nothing(_before: StoredJob, _after: StoredJob) -> None:
        return None

    budget = Budget(waiting_per_queue=jobs + 1)
    engine = JobEngine(store, JobMail("memory://"), budget, clock, lambda: None, nothing)
    requests = [_request(number, kind) for number in range(1, jobs // len(KINDS) + 1) for kind in KINDS]
    tenth = len(requests) // 10
    took = [await _submitted(engine, clock, requests[:tenth])]
    before = _memory_mib()
    took.append(await _submitted(engine, clock, requests[tenth:-tenth]))
    took.append(await _submitted(engine, clock, requests[-tenth:]))
    chosen = random.Random(7).choices(range(1, len(requests) + 1), k=ASKED_FOR_PLACE)
    waiting = [job for job_id in chosen if (job := await store.get(job_id)) is not None]
    places = await _timed(waiting, store.line.position)
    views = await _timed(waiting, engine._views.of)
    queue = waiting[0].queue
    lost_before = clock.now() - timedelta(minutes=1)
    nexts = await _timed(waiting, lambda _: store.line.next_in(queue, clock.now(), lost_before, 2))
    after = _memory_mib()
    await database.dispose()
    return Line(
        len(requests),
        len(requests) / sum(wall for wall, _ in took),
        len(requests) / sum(core for _, core in took),
        tenth / took[-1][1],
        median(places),
        _p95(places),
        _p95(views),
        _p95(nexts),
        before,
        after,
    )


def _request(number: int, kind: JobKind) -> JobRequest:
    head = Sha(f"{number:040x}")
    return JobRequest(REPOSITORY, number, kind, head, 7, Login("tess"), f"comment:{number}:{kind}")


async def _pull_requests(store: PullRequestStore, clock: SystemClock, count: int) -> None:
    """Remember so many open pull requests, of many authors."""
    for number in range(1, count + 1):
        author = number % AUTHORS + 1
        memory = PullMemory(
            REPOSITORY, number, author_id=author, author=f"author-{author}", head_sha=Sha(f"{number:040x}")
        )
        await store.save(memory, clock.now())


async def _submitted(engine: JobEngine, clock: SystemClock, requests: list[JobRequest]) -> tuple[float, float]:
    """Ask for jobs, some at a time, and return how long it took, in seconds: by the wall, and of the core."""
    left = iter(requests)

    async def ask() -> None:
        for request in left:
            await engine.submit(request, clock.now())

    began, core_began = time.perf_counter(), time.process_time()
    await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
    return time.perf_counter() - began, time.process_time() - core_began


async def _timed(jobs: list[StoredJob], ask: Callable[[StoredJob], Awaitable[object]]) -> list[float]:
    """Return how long each question took, in milliseconds."""
    took = []
    for job in jobs:
        began = time.perf_counter()
        await ask(job)
        took.append((time.perf_counter() - began) * 1000)
    return took


def _p95(times: list[float]) -> float:
    return quantiles(times, n=20)[-1]


def _memory_mib() -> float:
    """Return the memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(json.dumps(asdict(asyncio.run(long_line(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else JOBS)))))


if __name__ == "__main__":
    main()
