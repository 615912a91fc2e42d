"""What the queue of jobs costs: `python -m benchmarks.job_queue`, a table; exit 1 when a target is missed.

Starts are timed with a real Redis and a real worker process; the long line lies once in SQLite and once in a real
PostgreSQL that is started here, both as durable as in production. The bot's side of the line is held to one core.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import asyncpg
import structlog

from benchmarks.job_line import JOBS, Line
from benchmarks.job_starts import STARTS, Starts, job_starts
from tests.databases import PostgresServer

START_MS, WARM_MS, POSITION_MS, PER_S, GROWTH = 200.0, 1000.0, 20.0, 300.0, 0.1


@dataclass(frozen=True, slots=True)
class Row:
    """One figure beside its target, which is empty for one that is told for comparison."""

    what: str
    measured: str
    target: str = ""
    is_met: bool = True


def of_starts(starts: Starts) -> list[Row]:
    """Return the figures of jobs that begin."""
    work, lease = ([1000 * getattr(each, name) for each in starts.idle] for name in ("work_s", "lease_s"))
    middle, warm = median(work), 1000 * starts.warm.work_s
    return [
        Row(
            f"order to own work, idle worker, {len(work)} jobs: median",
            f"{middle:.0f} ms",
            f"<= {START_MS:.0f} ms",
            middle <= START_MS,
        ),
        Row("the same: p95", f"{_p95(work):.0f} ms"),
        Row("order to lease, the same jobs: median", f"{median(lease):.0f} ms"),
        Row("order to own work, first job of a cold worker", f"{1000 * starts.cold.work_s:.0f} ms"),
        Row(
            "order to own work, second job: the worker is warm",
            f"{warm:.0f} ms",
            f"<= {WARM_MS:.0f} ms",
            warm <= WARM_MS,
        ),
    ]


def of_line(name: str, line: Line) -> list[Row]:
    """Return the figures of a long line."""
    growth = line.memory_after_mib / line.memory_before_mib - 1
    return [
        Row(
            f"{name}: queued, {line.jobs:,} jobs, each second of one core",
            f"{line.per_core_s:.0f}",
            f">= {PER_S:.0f}",
            line.per_core_s >= PER_S,
        ),
        Row(f"{name}: the same, the last tenth", f"{line.per_core_s_at_the_end:.0f}"),
        Row(f"{name}: queued each second by the clock", f"{line.per_s:.0f}"),
        Row(
            f"{name}: the place of a job, p95",
            f"{line.position_p95_ms:.1f} ms",
            f"<= {POSITION_MS:.0f} ms",
            line.position_p95_ms <= POSITION_MS,
        ),
        Row(
            f"{name}: the place with all that is told beside it, p95",
            f"{line.view_p95_ms:.1f} ms",
            f"<= {POSITION_MS:.0f} ms",
            line.view_p95_ms <= POSITION_MS,
        ),
        Row(f"{name}: which job goes next, p95", f"{line.next_p95_ms:.1f} ms"),
        Row(
            f"{name}: memory of the bot with a tenth, with all",
            f"{line.memory_before_mib:.0f}, {line.memory_after_mib:.0f} MiB",
            f"+ {GROWTH:.0%} at most",
            growth <= GROWTH,
        ),
    ]


def in_sqlite(jobs: int) -> Line:
    """Return what a line costs in a file."""
    with tempfile.TemporaryDirectory(prefix="line-") as folder:
        return _measured(f"sqlite+aiosqlite:///{Path(folder, 'bot.sqlite')}", jobs)


def in_postgresql(jobs: int) -> Line:
    """Return what a line costs in a real server, which writes to disk before it answers."""
    server = PostgresServer()
    try:
        with server.unbuilt() as address:
            asyncio.run(_made_durable(address))
            return _measured(address, jobs)
    finally:
        server.stop()


async def _made_durable(address: str) -> None:
    """Take back what tests leave out for speed."""
    connection = await asyncpg.connect(address.replace("+asyncpg", ""))
    await connection.execute("ALTER SYSTEM RESET ALL")
    await connection.execute("SELECT pg_reload_conf()")
    await asyncio.sleep(1)  # until every process of the server has read it
    left = [await connection.fetchval(f"SHOW {name}") for name in ("fsync", "synchronous_commit")]
    await connection.close()
    if left != ["on", "on"]:
        raise RuntimeError("PostgreSQL does not write to disk before it answers")


def _measured(address: str, jobs: int) -> Line:
    """Measure in a process of its own, so that nothing else counts as the bot's memory."""
    command = [sys.executable, "-m", "benchmarks.job_line", address, str(jobs)]
    return Line(**json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))


def _p95(times: list[float]) -> float:
    return quantiles(times, n=20)[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=STARTS)
    parser.add_argument("--jobs", type=int, default=JOBS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    rows = of_starts(asyncio.run(job_starts(options.starts)))
    rows += of_line("SQLite", in_sqlite(options.jobs))
    rows += of_line("PostgreSQL", in_postgresql(options.jobs))
    print("| what | measured | target |\n|---|---|---|")
    for row in rows:
        print(f"| {row.what} | {row.measured} | {row.target}{'' if row.is_met else ' (missed)'} |")
    print(f"\nload of the machine now, on {os.cpu_count()} cores: {os.getloadavg()[0]:.1f}")
    if not all(row.is_met for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
