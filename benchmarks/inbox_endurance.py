"""A backlog worked off after a restart, and the memory of a long run: `python -m benchmarks.inbox_endurance`.

The bot is served as an operator serves it, beside a simulated GitHub. Deliveries are comments that ask for nothing,
about two hundred pull requests: each is verified, stored, claimed, read and finished. GitHub is asked about the
pull request, sets no limit, and nothing is written there. At the steady rate they are sent as fast as they are
answered; the backlog was stored while nobody handled it, and its time runs from when the restarted bot says that it
is ready.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import numpy as np
import psutil
from sqlalchemy import func, select

from benchmarks.deliveries import signature_of
from benchmarks.served_bot import served_bot
from benchmarks.webhook_servers import SECRET, our_inbox, postgresql
from bot.simulator import Simulator
from bot.store.database import open_engine
from bot.store.tables import deliveries

TARGET_SHARE = 0.8
TARGET_GROWTH_MIB = 5.0  # for 10,000 deliveries, after warm-up
_PULLS = 200
_AT_ONCE = 20
_STANDSTILL_S = 30.0
_A_DAY = 20_000  # deliveries of a busy community: one every four seconds


@dataclass
class Bot:
    """Where deliveries are brought, and what became of them."""

    webhooks: str
    database_url: str
    repository: dict[str, object]
    session: aiohttp.ClientSession

    async def bring(self, count: int) -> None:
        """Bring so many deliveries, some at a time. Raises where one is refused."""
        numbers = iter(range(count))

        async def carry() -> None:
            for number in numbers:
                body = self._body(number)
                headers = {
                    "Content-Type": "application/json",
                    "X-GitHub-Event": "issue_comment",
                    "X-GitHub-Delivery": str(uuid.uuid4()),
                    "X-Hub-Signature-256": signature_of(SECRET, body),
                }
                async with self.session.post(self.webhooks, data=body, headers=headers) as answer:
                    answer.raise_for_status()

        await asyncio.gather(*(carry() for _ in range(_AT_ONCE)))

    async def is_done(self) -> None:
        """Return when nothing waits any more. Raises where something was given up, or nothing goes on."""
        engine = open_engine(self.database_url, 1)
        query = select(deliveries.c.state, func.count()).where(deliveries.c.state != "done").group_by("state")
        before, since = {"": -1}, time.monotonic()
        while True:
            async with engine.connect() as connection:
                left = {row[0]: row[1] for row in await connection.execute(query)}
            if "failed" in left:
                raise RuntimeError(f"{left['failed']} deliveries were given up")
            if not left:
                break
            if left != before:
                before, since = left, time.monotonic()
            if time.monotonic() - since > _STANDSTILL_S:
                raise RuntimeError(f"nothing was done for {_STANDSTILL_S:g} s: {left}")
            await asyncio.sleep(0.05)
        await engine.dispose()

    def _body(self, number: int) -> bytes:
        issue = {"number": 1 + number % _PULLS, "pull_request": {}, "user": {"login": "ana", "id": 7}}
        comment = {"id": number + 1, "body": "Thank you! " * 100, "user": {"login": "ana", "id": 7, "type": "User"}}
        comment["created_at"] = "2026-01-02T03:04:05Z"
        told = {"action": "created", "issue": issue, "comment": comment, "repository": self.repository}
        return json.dumps(told | {"installation": {"id": 40_000_001}, "sender": comment["user"]}).encode()


@contextlib.asynccontextmanager
async def _served(folder: Path, settings: Mapping[str, str], repository: dict[str, object]) -> AsyncIterator[Bot]:
    async with served_bot(folder, settings) as webhooks, aiohttp.ClientSession() as session:
        yield Bot(webhooks, settings["database_url"], repository, session)


async def recovery(folder: Path, settings: Mapping[str, str], repository: dict[str, object], count: int) -> float:
    """Return the rate of a backlog divided by the steady rate, and print both."""
    async with _served(folder, settings, repository) as bot:
        await bot.bring(100)
        await bot.is_done()
        began = time.perf_counter()
        await bot.bring(count)
        await bot.is_done()
        steady = count / (time.perf_counter() - began)
    with our_inbox(settings["database_url"], repository["id"]) as port:
        async with aiohttp.ClientSession() as session:
            storing = Bot(f"http://127.0.0.1:{port}/webhooks", settings["database_url"], repository, session)
            await storing.bring(count)
    async with _served(folder, settings, repository) as bot:
        began = time.perf_counter()
        await bot.is_done()
        backlog = count / (time.perf_counter() - began)
    print(
        f"  steady {steady:,.0f}/s, backlog of {count:,} after a restart {backlog:,.0f}/s: {backlog / steady:.2f}"
    )
    return backlog / steady


async def memory(folder: Path, settings: Mapping[str, str], repository: dict[str, object], count: int) -> float:
    """Return how many MiB the bot grows in 10,000 deliveries once it is warm, and print it."""
    known, step = {p.pid for p in psutil.Process().children()}, max(1, count // 20)
    sizes: list[float] = []
    async with _served(folder, settings, repository) as bot:
        (process,) = [p for p in psutil.Process().children() if p.pid not in known and "serve" in p.cmdline()]
        for _ in range(20):
            await bot.bring(step)
            await bot.is_done()
            sizes.append(process.memory_info().rss / 2**20)
            print(f" {sizes[-1]:.0f}", end="", flush=True)
    print(" MiB after each twentieth")
    warm = sizes[5:]  # the first quarter warms up
    growth = float(np.polyfit(np.arange(len(warm)) * step, warm, 1)[0]) * 10_000
    print(
        f"  {growth:+.2f} MiB in 10,000 deliveries after warm-up; "
        f"{growth * _A_DAY / 10_000:+.1f} MiB in 24 h at {_A_DAY:,} a day"
    )
    return growth


async def measure(rows: int, run: int, only: str = "") -> bool:
    """Measure on both databases, or on one; return whether all targets were met."""
    met = True
    async with Simulator(webhook_secret=SECRET) as github:
        github.limits.requests_per_hour = github.limits.points_per_hour = (
            None  # else the bot rests until the hour is over
        )
        repo = github.create_repository("birds/taxonomy", {"README.md": "# Taxonomy\n"})
        repository: dict[str, object] = {"id": repo.id, "full_name": repo.full_name, "default_branch": "main"}
        with tempfile.TemporaryDirectory(prefix="endurance-") as name, contextlib.ExitStack() as stack:
            folder = Path(name)
            urls = {}
            if only != "PostgreSQL":
                urls["SQLite"] = f"sqlite:///{folder / 'bot.sqlite'}"
            if only != "SQLite":
                urls["PostgreSQL"] = stack.enter_context(postgresql(folder / "postgresql"))
            for database, url in urls.items():
                settings = {
                    "app_id": str(github.state.app.id),
                    "private_key": github.private_key_pem,
                    "webhook_secrets": SECRET,
                    "repositories": str(repo.id),
                    "github_api_url": github.url,
                    "broker_url": "off",
                    "nightly": "false",
                    "database_url": url,
                }
                print(f"{database}:")
                if rows:
                    met &= await recovery(folder, settings, repository, rows) >= TARGET_SHARE
                if run:
                    met &= await memory(folder, settings, repository, run) <= TARGET_GROWTH_MIB
    print("all targets met" if met else "A TARGET WAS MISSED")
    return met


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it. Returns 1 when a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inbox_endurance", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000, help="of the backlog; 0: none")
    parser.add_argument("--run", type=int, default=20_000, help="deliveries of the long run; 0: none")
    parser.add_argument("--on", choices=("SQLite", "PostgreSQL"), default="", help="only one database")
    asked = parser.parse_args(arguments)
    return 0 if asyncio.run(measure(asked.rows, asked.run, asked.on)) else 1


if __name__ == "__main__":
    sys.exit(main())
