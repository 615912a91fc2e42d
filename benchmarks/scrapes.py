"""What observing costs: `python -m benchmarks.scrapes`, a table; exit 1 when a target is missed.

A scrape with 50,000 jobs in the database, on SQLite and on a real PostgreSQL, each looked up anew; once with as
many waiting as a queue takes, once with all of them waiting, which no setting allows. Then what counting and timing
takes of one verdict: every note that a verdict makes is made anew, alone, and timed.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from types import SimpleNamespace
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.verdict_stage import WIDE_OPEN, stage
from bot.clock import SystemClock
from bot.jobs import JobKind, JobState
from bot.metrics import deliveries, github, rules
from bot.metrics.reading import BOOK, Reading, Sources
from bot.store.database import migrate, open_engine
from bot.store.tables import jobs
from checks.registry import all_rules
from pipeline import tracing
from pipeline.artifacts import ArtifactStore
from pipeline.contract import Queue
from tests.databases import PostgresServer

JOBS, WAITING, SCRAPES = 50_000, 2_500, 30
TARGET_MS, TARGET_SHARE = 50.0, 0.02
_VERDICTS, _CALLS = 8, 10
_ROUNDS = 300


@dataclass(frozen=True, slots=True)
class Row:
    """One figure beside its target."""

    what: str
    measured: str
    target: str = ""
    is_met: bool = True


async def fill(engine: AsyncEngine, waiting: int) -> None:
    """Put jobs into a database, so many of them waiting and the rest over."""
    await migrate(engine)
    now, queues = datetime.now(UTC), [queue.value for queue in Queue]
    rows: list[dict[str, Any]] = [
        {
            "repository_id": 1,
            "number": number,
            "kind": JobKind.EVALUATE.value,
            "head_sha": f"{number:040x}",
            "asked_by_id": 7,
            "asked_by": "tess",
            "source": f"comment:{number}:1",
            "queue": queues[number % len(queues)],
            "priority": 10,
            "queued_at": now - timedelta(seconds=number),
            "due_at": now - timedelta(seconds=number),
            "state": (JobState.QUEUED if number <= waiting else JobState.SUCCEEDED).value,
            "attempt": 1,
            "infra_retries": 0,
            "hand_backs": 0,
            "message": "",
            "progress_stage": "",
            "outcome": "",
            "lease_worker": "",
            "lease_secret_digest": "",
            "lease_sequence": 0,
            "is_shown": True,
            "revision": 0,
        }
        for number in range(1, JOBS + 1)
    ]
    async with engine.begin() as connection:
        for start in range(0, JOBS, 5_000):
            await connection.execute(insert(jobs), rows[start : start + 5_000])
        await connection.exec_driver_sql("ANALYZE")


async def scrapes(database_url: str, waiting: int) -> list[float]:
    """Return how long scrapes took that look everything up, in milliseconds."""
    engine = open_engine(database_url)
    await fill(engine, waiting)
    here: Any = SimpleNamespace(leads=True, count=1, budgets=dict)  # what costs nothing
    with tempfile.TemporaryDirectory() as folder:
        store = ArtifactStore(folder)
        sources = Sources(engine, SystemClock(), here, here, here, dict, store, frozenset({1}))
        took = []
        for _ in range(SCRAPES):
            began = time.perf_counter()
            await Reading(sources).refresh()
            BOOK.exposition("text/plain")
            took.append((time.perf_counter() - began) * 1e3)
    await engine.dispose()
    return took


def one_verdict() -> None:
    """Make every note that a verdict makes; spans are asked for as they are, and traces are off."""
    deliveries.WEBHOOKS.add("pull_request", "202")
    with deliveries.handling(0.1), tracing.span("delivery", order="1:x", delivery="x", event="x", waited_s=0.1):
        for _ in range(_CALLS):
            with tracing.span("github read", method="GET"):
                tracing.note(status=200)
            github.CALLS.add(github.kind_of("GET", "/repos/a/b"), "200")
            github.CALL_S.note(0.05, "read")
        with tracing.span("rules", files=2):
            rules.judged(dict.fromkeys(map(str, all_rules()), 0.01), [])
        with tracing.span("verdict", number=1):
            tracing.note(outcome="passed", findings=0)
        deliveries.verdict_reached("passed")
    deliveries.HANDLED.add("pull_request", "done")


def cost_ms(work: Callable[[], None]) -> float:
    """Return the median of how long something takes."""
    took = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1e3)
    return median(took)


async def verdict_ms() -> float:
    """Return the median of verdicts that arrive alone, from delivery to GitHub."""
    async with stage(WIDE_OPEN) as on:
        await on.opens(1)
        return median([took for _ in range(_VERDICTS) for took in await on.opens(1)]) * 1e3


def measured() -> Iterator[Row]:
    """Yield all figures."""
    with tempfile.TemporaryDirectory() as folder:
        for waiting in (WAITING, JOBS):
            url = f"sqlite+aiosqlite:///{Path(folder) / f'{waiting}.sqlite'}"
            yield _row("SQLite", waiting, asyncio.run(scrapes(url, waiting)))
    server = PostgresServer()
    try:
        for waiting in (WAITING, JOBS):
            with server.unbuilt() as url:
                yield _row("PostgreSQL", waiting, asyncio.run(scrapes(url, waiting)))
    finally:
        server.stop()
    cost, verdict = cost_ms(one_verdict), asyncio.run(verdict_ms())
    yield Row(
        f"counting and timing one verdict, {verdict:.0f} ms alone (median)",
        f"{cost:.2f} ms, {cost / verdict:.2%}",
        f"<= {TARGET_SHARE:.0%}",
        cost / verdict <= TARGET_SHARE,
    )


def _row(database: str, waiting: int, took: list[float]) -> Row:
    p95 = quantiles(took, n=20)[-1]
    counts = waiting <= WAITING  # the other is told for comparison
    return Row(
        f"{database}: scrape, {JOBS:,} jobs, {waiting:,} of them waiting",
        f"median {median(took):.1f} ms, p95 {p95:.1f} ms",
        f"<= {TARGET_MS:.0f} ms" if counts else "",
        p95 <= TARGET_MS or not counts,
    )


def main() -> int:
    """Print the table. Returns 1 when a target is missed."""
    warnings.simplefilter("ignore")
    print("| what | measured | target |\n|---|---|---|")
    is_met = True
    for row in measured():
        is_met &= row.is_met
        print(f"| {row.what} | {row.measured} | {row.target}{'' if row.is_met else ' **missed**'} |", flush=True)
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
