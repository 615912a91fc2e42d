"""What planning a nightly build costs: `python -m benchmarks.nightly_plan`, seconds and calls for 10,000 leaves.

Simulated GitHub and planning run in one process, so the time holds both sides. The first plan meets a taxonomy that
was never built: every leaf is new. It is then taken for a good build, and pull requests are merged on top of it, a
third each as a merge commit, as a squash and as a rebase of two commits. The second plan is that of a usual night
of which the bot was told nothing: each pull request is found by git and read from GitHub. Every request is counted.
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
from datetime import date
from itertools import islice, product
from pathlib import Path

import aiohttp
import structlog
from pydantic import SecretStr

from bot.clock import MovableClock
from bot.events import Origin
from bot.nightly.builds import BuildState
from bot.nightly.gathering import PlanRoom
from bot.nightly.plan import BuildPlan
from bot.settings import BotSettings
from bot.simulator import CommitSpec, Limits, Repository, Simulator
from bot.store.builds import BuildStore
from bot.store.database import migrate, open_engine
from bot.store.repositories import KnownRepository
from bot.wiring import make_plan_room, open_github
from tests.checks.contributions import a_skill, attribution

TARGET_S = 10.0
_METHODS = ("merge", "squash", "rebase")
_WIDE_OPEN = 10_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What one plan came to."""

    name: str
    plan: BuildPlan
    calls: int
    took_s: float


@dataclass(frozen=True, slots=True)
class Stage:
    """A GitHub with a taxonomy, and what plans builds of it."""

    github: Simulator
    repo: Repository
    room: PlanRoom
    builds: BuildStore
    known: KnownRepository
    clock: MovableClock

    async def plan(self, name: str) -> Cost:
        """Plan once and count."""
        mark, began = self.github.mark, time.perf_counter()
        plan = await self.room.plan(self.known)
        took_s = time.perf_counter() - began
        return Cost(name, plan, len(self.github.calls_since(mark)), took_s)

    async def passes(self, plan: BuildPlan) -> None:
        """Take a plan for a good build."""
        build = await self.builds.add(plan, date(2026, 1, 5), self.clock.now())
        assert build is not None
        assert await self.builds.begin(build, self.clock.now())
        assert await self.builds.end(build, BuildState.GOOD, self.clock.now())

    async def merges(self, number: int) -> None:
        """Have a pull request of two commits opened and merged."""
        files = _leaf(f"compositional_skills/news/added/leaf_{number}", f"ana-{number}")
        commits = [CommitSpec(f"{path} of {number}", {path: content}) for path, content in files.items()]
        pull = await self.github.open_pull(self.repo, author=f"ana-{number}", commits=commits)
        await self.github.merge_pull(pull, by="max", method=_METHODS[number % len(_METHODS)])


async def measure(leaves: int, pulls: int) -> list[Cost]:
    """Plan the first build of a taxonomy, then that of a usual night."""
    async with _stage(leaves) as stage:
        first = await stage.plan("never built")
        await stage.passes(first.plan)
        await stage.clock.advance(hours=20)
        for number in range(pulls):
            await stage.merges(number)
        return [first, await stage.plan("a usual night")]


@contextlib.asynccontextmanager
async def _stage(leaves: int) -> AsyncIterator[Stage]:
    clock = MovableClock()
    github = Simulator(clock=clock, limits=Limits(None, _WIDE_OPEN, _WIDE_OPEN))
    repo = github.create_repository("instruct/taxonomy", _taxonomy(leaves))
    repo.permissions["max"] = "maintain"
    with tempfile.TemporaryDirectory(prefix="nightly-plan-") as folder:
        settings = BotSettings(
            app_id=github.state.app.id,
            private_key=SecretStr(github.private_key_pem),
            webhook_secrets=(SecretStr("a secret of the benchmark"),),
            repositories=frozenset({repo.id}),
            database_url=f"sqlite+aiosqlite:///{Path(folder) / 'bot.sqlite'}",
        )
        engine = open_engine(settings.database_url)
        await migrate(engine)
        async with github, aiohttp.ClientSession() as session:
            assert repo.installation_id is not None
            origin = Origin(repo.id, repo.full_name, repo.installation_id)
            served = settings.model_copy(update={"github_api_url": github.url})
            room = make_plan_room(open_github(session, served, clock), engine)
            yield Stage(github, repo, room, BuildStore(engine), KnownRepository(origin, clock.now()), clock)
        await engine.dispose()


def _taxonomy(leaves: int) -> dict[str, str]:
    """Return leaves that each hold files of their own, as deep in folders as real ones."""
    places = product(("knowledge/science", "compositional_skills/writing"), range(100), range(100))
    files = {"README.md": "# Taxonomy\n"}
    for root, branch, leaf in islice(places, leaves):
        folder = f"{root}/branch_{branch}/twig/leaf_{leaf}"
        files |= {
            f"{folder}/qna.yaml": f"version: 3 # {folder}\n",
            f"{folder}/attribution.txt": _attribution(folder),
        }
    return files


def _leaf(folder: str, author: str) -> dict[str, str]:
    return {f"{folder}/qna.yaml": a_skill(created_by=author), f"{folder}/attribution.txt": _attribution(folder)}


def _attribution(folder: str) -> str:
    return f"{attribution()}Notes: {folder}\n"


def as_text(costs: Sequence[Cost]) -> Iterator[str]:
    """Yield the result for people."""
    for cost in costs:
        plan = cost.plan
        total = plan.unchanged + len(plan.leaves)
        yield (
            f"Plan over {total:,} leaves, {cost.name}: {cost.took_s:.1f} s, {cost.calls:,} calls; "
            f"{len(plan.leaves):,} leaves of {len(plan.pulls):,} pull requests"
        )
        yield from (f"  {note}" for note in plan.notes)
    yield f"Target {'met' if is_met(costs) else 'MISSED'}: at most {TARGET_S:.0f} s each."


def is_met(costs: Sequence[Cost]) -> bool:
    """Whether every plan was quick enough."""
    return all(cost.took_s <= TARGET_S for cost in costs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark. Returns 1 when the target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nightly_plan", description=__doc__)
    parser.add_argument("--leaves", type=int, default=10_000)
    parser.add_argument("--pulls", type=int, default=30, help="merged since the last good build")
    asked = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    costs = asyncio.run(measure(asked.leaves, asked.pulls))
    print("\n".join(as_text(costs)))
    return 0 if is_met(costs) else 1


if __name__ == "__main__":
    sys.exit(main())
