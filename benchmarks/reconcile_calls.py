"""What a sweep over open pull requests costs: `python -m benchmarks.reconcile_calls`, calls for each of 1,000.

Simulated GitHub and bot run in one process and share a clock that is moved by hand; no webhook is ever sent, but
for the one that tells the bot of the repository. The first sweep meets pull requests that it has never seen, so it
judges them all; before the second and third one nothing changes; before the fourth one 1 % are pushed to. Every
request is counted, those for tokens and those answered with 304 too.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import structlog
from aiohttp import web
from pydantic import SecretStr

from benchmarks.taxonomies import leaf_files, taxonomy_files
from bot.app import PARTS, make_app
from bot.clock import MovableClock
from bot.rule_workers import RuleWorkers
from bot.settings import BotSettings
from bot.simulator import Limits, Pull, Repository, Simulator
from bot.sweeper import Sweeper

TARGET_CALLS = 1.2  # for each open pull request, when nothing has changed
_SECRET = "a secret of the benchmark"
_WIDE_OPEN = 10_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What one sweep came to."""

    name: str
    pulls: int
    refreshed: int
    reads: int
    unchanged: int  # of the reads: answered with 304, which GitHub does not count
    writes: int
    took_s: float

    @property
    def calls_each(self) -> float:
        """Requests for each open pull request."""
        return (self.reads + self.writes) / self.pulls


@dataclass(frozen=True, slots=True)
class Stage:
    """A GitHub, a bot that sweeps when asked, and the clock of both."""

    github: Simulator
    repo: Repository
    sweeper: Sweeper
    clock: MovableClock

    async def sweep(self, name: str) -> Cost:
        """Sweep once and count."""
        await self.clock.advance(minutes=5)
        mark, began = self.github.mark, time.perf_counter()
        [found] = await self.sweeper.sweep()
        took_s = time.perf_counter() - began
        lines = self.github.calls_since(mark)
        writes = sum(line.is_write for line in lines)
        unchanged = sum(line.status == HTTPStatus.NOT_MODIFIED for line in lines)
        return Cost(name, found.listed, found.refreshed, len(lines) - writes, unchanged, writes, took_s)

    async def opens(self, number: int) -> Pull:
        """Open a pull request; every other one lacks its sign-off."""
        author = f"ana-{number}"
        files = leaf_files(f"knowledge/science/birds/kingfisher_{number}", author, f"kingfisher {number}")
        return await self.github.open_pull(self.repo, author=author, files=files, sign_off=number % 2 == 0)


async def measure(count: int) -> list[Cost]:
    """Sweep four times over `count` open pull requests."""
    async with _stage() as stage:
        pulls = [await stage.opens(number) for number in range(1, count)]
        costs = [await stage.sweep("first sight of all")]
        costs.append(await stage.sweep("nothing changed"))
        costs.append(await stage.sweep("nothing changed again"))
        changed = pulls[:: max(1, count // max(1, count // 100))][: max(1, count // 100)]
        for pull in changed:
            await stage.github.push(pull, {"README.md": f"# {pull.number}\n"})
        costs.append(await stage.sweep("1 % pushed to"))
        return costs


@contextlib.asynccontextmanager
async def _stage() -> AsyncIterator[Stage]:
    clock = MovableClock()
    github = Simulator(clock=clock, webhook_secret=_SECRET, limits=Limits(None, _WIDE_OPEN, _WIDE_OPEN))
    repo = github.create_repository("birds/taxonomy", taxonomy_files())
    workers = RuleWorkers(2, 5.0)
    with tempfile.TemporaryDirectory(prefix="reconcile-calls-") as folder:
        async with github:
            app = make_app(_settings(github, repo, Path(folder)), clock=clock, workers=workers)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            stage = Stage(github, repo, app[PARTS].sweeper, clock)
            github.webhook_url = f"http://{host}:{port}/webhooks"
            await stage.opens(0)
            for _ in range(3):  # what the bot writes is told to it, too
                await github.settle()
                await app[PARTS].dispatcher.settled()
            github.webhook_url = None
            try:
                yield stage
            finally:
                await runner.cleanup()
    workers.close()


def _settings(github: Simulator, repo: Repository, folder: Path) -> BotSettings:
    return BotSettings(
        app_id=github.state.app.id,
        private_key=SecretStr(github.private_key_pem),
        webhook_secrets=(SecretStr(_SECRET),),
        repositories=frozenset({repo.id}),
        database_url=f"sqlite+aiosqlite:///{folder / 'bot.sqlite'}",
        github_api_url=github.url,
        write_burst=_WIDE_OPEN,
        writes_per_minute=_WIDE_OPEN,
        writes_per_hour=_WIDE_OPEN,
        sweep_minutes=0,
        start_in="adopted",
        check_documents=False,  # the leaves name documents of nowhere
    )


def as_text(costs: Sequence[Cost]) -> Iterator[str]:
    """Yield the result for people."""
    yield f"Sweeps over {costs[0].pulls:,} open pull requests"
    for cost in costs:
        yield (
            f"  {cost.name:<21} {cost.calls_each:7.3f} calls each: {cost.reads:,} reads (of them "
            f"{cost.unchanged:,} 304), {cost.writes:,} writes; {cost.refreshed:,} brought up to date; "
            f"{cost.took_s:.1f} s"
        )
    yield f"Target {'met' if is_met(costs) else 'MISSED'}: at most {TARGET_CALLS} calls each when nothing changed."


def as_markdown(costs: Sequence[Cost]) -> Iterator[str]:
    """Yield table rows: what, calls for each, reads, of them 304, writes, brought up to date, seconds."""
    for cost in costs:
        yield (
            f"| {cost.name} | {cost.calls_each:.3f} | {cost.reads:,} | {cost.unchanged:,} | {cost.writes:,} "
            f"| {cost.refreshed:,} | {cost.took_s:.1f} s |"
        )


def is_met(costs: Sequence[Cost]) -> bool:
    """Whether the sweeps that found nothing changed stay below their target, and wrote nothing."""
    return all(cost.calls_each <= TARGET_CALLS and cost.writes == 0 for cost in costs[1:3])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark. Returns 1 when the target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reconcile_calls", description=__doc__)
    parser.add_argument("--pulls", type=int, default=1000, help="open pull requests")
    parser.add_argument("--markdown", action="store_true", help="print table rows")
    asked = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    costs = asyncio.run(measure(asked.pulls))
    print("\n".join(as_markdown(costs) if asked.markdown else as_text(costs)))
    return 0 if is_met(costs) else 1


if __name__ == "__main__":
    sys.exit(main())
