"""What looking costs: `python -m benchmarks.poll_calls`, requests an hour by open pull requests, idle and busy.

A simulated GitHub and the lookout of the bot run in one process and share a clock that is moved by hand. Some
minutes of looks, `EVERY_S` apart, are told as an hour; in a busy hour each minute brings a push, a comment, a
review, a label and a new pull request. Counted are the requests that looking takes, not what the bot does about
what was found.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import logging
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import structlog
from pydantic import SecretStr

from bot.clock import MovableClock
from bot.inbox import Inbox
from bot.settings import POLL_S, BotSettings
from bot.simulator import Limits, Pull, Simulator
from bot.store.database import migrate, open_engine
from bot.store.deliveries import DeliveryStore
from bot.wiring import make_lookout, open_github

EVERY_S = POLL_S
ALLOWED_PER_HOUR = 5000  # by GitHub, for one installation
_SECRET = "a secret of the benchmark"
_WIDE_OPEN = 10_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What an hour of looks took."""

    open_pulls: int
    is_busy: bool
    sent: int
    counted: int  # by GitHub: those that were not answered with 304
    told: int


async def hour(open_pulls: int, minutes: int, *, is_busy: bool) -> Cost:
    """Return what an hour of looks costs at so many open pull requests, going by some minutes of it."""
    with tempfile.TemporaryDirectory() as folder:
        clock = MovableClock()
        limits = Limits(requests_per_hour=_WIDE_OPEN, points_per_hour=_WIDE_OPEN)
        async with Simulator(clock=clock, webhook_secret=_SECRET, limits=limits) as github:
            repo = github.create_repository("instruct/taxonomy", {"README.md": "x\n"})
            repo.permissions |= {"tess": "triage"}
            pulls = [await _opens(github, repo, n) for n in range(open_pulls)]
            settings = BotSettings(
                app_id=1234,
                private_key=SecretStr(github.private_key_pem),
                webhook_secrets=(SecretStr(_SECRET),),
                repositories=frozenset({repo.id}),
                database_url=f"sqlite:///{Path(folder) / 'bot.sqlite'}",
                github_api_url=github.url,
                poll_seconds=EVERY_S,
            )
            engine = open_engine(settings.database_url, 2)
            await migrate(engine)
            async with aiohttp.ClientSession() as session:
                inbox = Inbox(DeliveryStore(engine), lambda: None)
                await inbox.start()
                lookout = make_lookout(open_github(session, settings, clock), settings, engine, inbox, clock)
                await lookout.look()
                mark, told = github.mark, 0
                chance, fresh = random.Random(7), itertools.count(open_pulls)
                for look in range(int(minutes * 60 / EVERY_S)):
                    await clock.advance(seconds=EVERY_S)
                    if is_busy and look % int(60 / EVERY_S) == 0:
                        pulls.append(await _busy_minute(github, repo, chance, pulls, next(fresh)))
                    told += sum(seen.told for seen in await lookout.look())
                calls = [line for line in github.calls_since(mark) if not line.route.endswith("/access_tokens")]
                await inbox.stop()
            await engine.dispose()
    counted = sum(line.status != 304 for line in calls)
    hours = minutes / 60
    return Cost(open_pulls, is_busy, round(len(calls) / hours), round(counted / hours), round(told / hours))


async def _opens(github: Simulator, repo: object, number: int) -> Pull:
    return await github.open_pull(repo, author=f"p{number}", files={f"a/{number}.md": "x\n"})  # type: ignore[arg-type]


async def _busy_minute(
    github: Simulator, repo: object, chance: random.Random, pulls: list[Pull], number: int
) -> Pull:
    await github.push(chance.choice(pulls), {f"b/{chance.random()}.md": "y\n"})
    await github.comment(chance.choice(pulls), "tess", "/check")
    await github.review(chance.choice(pulls), "tess", "/check")
    labelled = chance.choice(pulls)
    await (github.unlabel if "hold" in labelled.labels else github.label)(labelled, "hold", by="tess")
    return await _opens(github, repo, number)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pulls", type=int, nargs="*", default=[1, 10, 100, 1000])
    parser.add_argument("--minutes", type=int, default=10, help="looked at, and told as an hour")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    print("| open pull requests | hour | requests sent | of them counted | acts found |\n|---:|---|---:|---:|---:|")
    for open_pulls in given.pulls:
        for is_busy in (False, True):
            cost = asyncio.run(hour(open_pulls, given.minutes, is_busy=is_busy))
            kind = "busy" if is_busy else "idle"
            print(f"| {open_pulls:,} | {kind} | {cost.sent:,} | {cost.counted:,} | {cost.told:,} |", flush=True)
            if cost.counted > ALLOWED_PER_HOUR / 2:
                raise SystemExit("more than half of what GitHub allows")


if __name__ == "__main__":
    main()
