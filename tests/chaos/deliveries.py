"""`python -m tests.chaos.deliveries`: nothing is lost, nothing done twice, whatever dies.

People act on pull requests with everything in order. At the same time the same people do the same elsewhere, while
two real bots on one PostgreSQL server are killed (SIGKILL), the database restarts, webhooks come late, twice or
never, and GitHub answers a tenth of the calls wrongly. Once the sweeps have healed what they can, every pull
request has to look as it does where all was in order.
Needs Linux, takes some minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random, SystemRandom

import structlog

from bot.simulator import Delivery
from tests.chaos.acts import Act, Stage, script
from tests.chaos.pair import Pair
from tests.chaos.portrait import Portrait, portraits, wrongs
from tests.chaos.processes import adopt_orphans, orphans
from tests.chaos.weather import Post, Weather

_SHARE = 0.10  # of the calls that go wrong
_REQUEST_TIMEOUT_S = 2.0
_SETTINGS = {"SWEEP_MINUTES": "0.05", "REQUEST_TIMEOUT_S": str(_REQUEST_TIMEOUT_S)}
# what depends on how many of several pushes were looked at is switched off
_POLICY = "care:\n  failing_pushes: 1000\n  digest: false\n"
_MOST_ROUNDS = 8  # of healing
_AHEAD_S = (360.0, 360.0, 2400.0)  # how far the clock is put ahead for each round; the last again and again
_BUSY_S = 240.0  # so long what is waiting may take
_SHOWN = 12  # differences that are printed
_SAYS_EVERY_S = 10.0


@dataclass
class Outcome:
    """What came of one run."""

    pictures: dict[int, Portrait] = field(default_factory=dict)
    deliveries: int = 0
    lines: list[tuple[str, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    lost: int = 0
    twice: int = 0
    in_progress: int = 0
    rounds: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything."""

    seed: str
    pulls: int
    kills: int
    restarts: int
    acts_per_s: float


class Drama:
    """One run of the script: in order, or with everything against it."""

    def __init__(self, plan: Plan, *, keeps_files: bool = False) -> None:
        self._plan = plan
        self._waves = script(Random(f"{plan.seed} script"), plan.pulls)
        self._random = Random(f"{plan.seed} trouble")
        self._keeps_files = keeps_files
        self._acting = False
        self._acts: list[tuple[Act, list[Delivery]]] = []
        self._kills = 0
        self._restarts = 0

    async def run(self, *, in_order: bool) -> Outcome:
        "Play it, and return what people see at the end."
        outcome, began = Outcome(), time.monotonic()
        self._progress = Progress("in order" if in_order else "in trouble")
        bots = 1 if in_order else 2
        async with Pair(_SETTINGS, policy=_POLICY, bots=bots, keeps_files=self._keeps_files) as self._pair:
            if self._keeps_files:
                print(f"  logs and database are in {self._pair.folder}", flush=True)
            self._stage = Stage(self._pair.github, self._pair.repo)
            self._pair.tells(0)
            if in_order:
                await self._in_order()
            else:
                await self._in_trouble(outcome)
            outcome.rounds = await self._heal()
            await self._take_stock(outcome)
            if self._keeps_files:
                (self._pair.folder / "acts.txt").write_text(self._story())
        outcome.seconds = time.monotonic() - began
        return outcome

    async def _in_order(self) -> None:
        """Each wave is handled before the next one."""
        for n, wave in enumerate(self._waves):
            for act in wave:
                await self._perform(act)
            await self._pair.is_idle()
            self._progress(f"{n + 1} of {len(self._waves)} waves")

    async def _in_trouble(self, outcome: Outcome) -> None:
        """Nobody waits for anybody; what is to go wrong goes wrong at random points of the script."""
        pair, random = self._pair, self._random
        weather = Weather(
            Random(f"{self._plan.seed} weather"), pair.github, pair.repo, share=_SHARE,
            stall_s=_REQUEST_TIMEOUT_S + 0.5,
        )  # fmt: skip
        post = Post(Random(f"{self._plan.seed} post"), self._is_of_people)
        pair.github.have_weather(weather.strike)
        pair.github.have_whims(post.whim)
        acts = [act for wave in self._waves for act in wave]
        troubles = sorted(random.sample(range(len(acts) // 20, len(acts)), self._plan.kills + self._plan.restarts))
        restarts = {
            troubles[(n + 1) * len(troubles) // (self._plan.restarts + 1)] for n in range(self._plan.restarts)
        }
        waiting: asyncio.Queue[bool | None] = asyncio.Queue()
        trouble = asyncio.create_task(self._make_trouble(waiting))
        began = time.monotonic()
        for n, act in enumerate(acts):
            if n in troubles:
                waiting.put_nowait(n in restarts)
            await self._perform(act)
            await asyncio.sleep(max(0.0, began + n / self._plan.acts_per_s - time.monotonic()))
            if n % 20 == 0:
                self._progress(
                    f"{n} of {len(acts)} acts, {self._kills} kills, {weather.struck.total()} calls struck"
                )
        waiting.put_nowait(None)
        await trouble
        self._progress("waiting for what is under way")
        pair.github.have_whims(None)
        await pair.is_idle(_BUSY_S)
        pair.github.have_weather(None)
        outcome.lines += [("acts of people, each one webhook", f"{len(acts):,}")]
        outcome.lines += [(f"  webhooks {name}", f"{count:,}") for name, count in sorted(post.seen.items())]
        outcome.lines += [("kills (SIGKILL)", str(self._kills)), ("restarts of the database", str(self._restarts))]
        share = 100 * weather.struck.total() / max(1, weather.calls)
        outcome.lines += [
            ("calls that were struck", f"{weather.struck.total():,} of {weather.calls:,} ({share:.1f} %)")
        ]
        outcome.lines += [(f"  {kind}", f"{count:,}") for kind, count in sorted(weather.struck.items())]

    async def _make_trouble(self, waiting: asyncio.Queue[bool | None]) -> None:
        """Kill a bot, or restart the database, each time that the script comes to it."""
        while (is_restart := await waiting.get()) is not None:
            await asyncio.sleep(self._random.uniform(0, 0.5))
            if is_restart:
                await asyncio.to_thread(self._pair.restart_database, by_crash=self._restarts % 2 == 1)
                self._restarts += 1
                continue
            number = self._random.randrange(len(self._pair.bots))
            if self._random.random() < 0.5:  # else GitHub notices nothing
                self._pair.tells(number)
            await self._pair.bots[number].dies()
            self._kills += 1
            await asyncio.sleep(self._random.uniform(0, 0.7))
            self._pair.tells(1 - number)
            self._pair.bots[number] = await self._pair.starts(number)

    async def _perform(self, act: Act) -> None:
        self._acting, before = True, len(self._pair.github.deliveries)
        try:
            await self._stage.perform(act)
        finally:
            self._acting = False
        self._acts.append((act, self._pair.github.deliveries[before:]))

    def _story(self) -> str:
        """Return every act, with what became of its webhooks."""
        lines = []
        for act, told in sorted(self._acts, key=lambda each: each[0].number):
            ways = [f"{a.at:%H:%M:%S} {a.status or 'no answer'}" for delivery in told for a in delivery.attempts]
            guids = [delivery.guid for delivery in told]
            lines.append(
                f"#{act.number} {act.by} {act.deed} {act.words or act.content}: {ways or 'never sent'} {guids}"
            )
        return "\n".join(lines)

    def _is_of_people(self, delivery: Delivery) -> bool:
        """Nothing else happens on the simulated GitHub while an act is performed: it does not wait for anything."""
        return self._acting

    async def _heal(self) -> int:
        """Put the clock ahead and let the sweeps work, until one has nothing to do. Return how many had."""
        for round_ in range(_MOST_ROUNDS):
            self._progress(f"healing, round {round_ + 1}")
            self._pair.clock.ahead_s += _AHEAD_S[min(round_, len(_AHEAD_S) - 1)]
            lines_before = [len(self._lines(number)) for number in range(len(self._pair.bots))]
            await self._pair.restarts_bots()
            sweeps = await self._sweeps(lines_before)
            await self._pair.is_idle(_BUSY_S)
            if not sweeps:
                return round_
        return _MOST_ROUNDS

    async def _sweeps(self, lines_before: Sequence[int]) -> int:
        """Return how many sweeps had something to do, once one that began later had nothing."""
        async with asyncio.timeout(_BUSY_S):
            while True:
                await asyncio.sleep(0.25)
                found = [line for n in range(len(lines_before)) for line in self._lines(n)[lines_before[n] :]]
                busy = [_had_work(line) for line in sorted(found, key=lambda line: str(line["timestamp"]))]
                swept = sum(line["event"] == "sweep.done" for line in found)
                if swept > 1 and not any(busy[-2:]):
                    return sum(busy)

    def _lines(self, number: int) -> list[dict[str, object]]:
        raw = self._pair.log_of(number).splitlines()
        return [json.loads(line) for line in raw if '"sweep.done"' in line or '"redelivery.done"' in line]

    async def _take_stock(self, outcome: Outcome) -> None:
        pair = self._pair
        outcome.pictures = portraits(self._stage)
        failed = await pair.value("SELECT count(*) FROM deliveries WHERE state = 'failed'")
        found = wrongs(pair.repo, self._stage)
        outcome.lost, outcome.twice, outcome.in_progress = (
            len(found.unanswered), len(found.twice), len(found.in_progress),
        )  # fmt: skip
        outcome.wrong = [*found.unanswered, *found.twice, *found.in_progress]
        outcome.lines += [("deliveries given up, then healed", str(failed))]
        outcome.lines += [("unknown routes asked for", str(len(pair.github.unknown_routes)))]


def _had_work(line: dict[str, object]) -> bool:
    """Tell whether a sweep, or the look at GitHub's list of deliveries before it, found something."""
    return any(line.get(name) for name in ("missed", "asked", "refreshed", "closed", "heard", "failed"))


class Progress:
    """Says now and then how far it is."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._said_at = time.monotonic()

    def __call__(self, text: str) -> None:
        "Say it, unless something was said a moment ago."
        if time.monotonic() - self._said_at > _SAYS_EVERY_S:
            self._said_at = time.monotonic()
            print(f"  {self._name}: {text}", flush=True)


async def play(plan: Plan, *, keeps_files: bool = False) -> tuple[list[str], list[str]]:
    """Play it in order and in trouble, at once but apart. Return the lines of the table, and what is wrong."""
    calm, hurt = await asyncio.gather(
        *(Drama(plan, keeps_files=keeps_files).run(in_order=in_order) for in_order in (True, False))
    )
    differing = {
        number: list(picture.differences(calm.pictures[number]))
        for number, picture in hurt.pictures.items()
        if picture != calm.pictures[number]
    }
    table = [
        *hurt.lines,
        ("rounds of healing that had something to do", str(hurt.rounds)),
        ("pull requests as without faults", f"{len(hurt.pictures) - len(differing)} of {plan.pulls}"),
        ("lost: commands without an answer", str(hurt.lost)),
        ("comments that are there twice", str(hurt.twice)),
        ("check runs in progress", str(hurt.in_progress)),
        ("seconds, in order and in trouble", f"{calm.seconds:.0f} and {hurt.seconds:.0f}"),
    ]
    wrong = [f"in order: {line}" for line in calm.wrong] + hurt.wrong
    wrong += [f"#{number}: {line}" for number, lines in sorted(differing.items()) for line in lines]
    if len(hurt.pictures) != plan.pulls:
        wrong.append(f"there are {len(hurt.pictures)} pull requests, not {plan.pulls}")
    width = max(len(name) for name, _ in table)
    return [f"  {name.ljust(width)}  {value}" for name, value in table], wrong


def main() -> int:
    """Play once. Returns 1 when something is otherwise than it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.deliveries", description=__doc__)
    parser.add_argument("--seed", default="", help="the same seed has the same people act, and the same goes wrong")
    parser.add_argument("--pulls", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--restarts", type=int, default=2)
    parser.add_argument("--acts-per-s", type=float, default=14.0)
    parser.add_argument("--keep", action="store_true", help="keep logs and databases, and say where")
    asked = parser.parse_args()
    plan = Plan(
        asked.seed or f"{SystemRandom().getrandbits(32):08x}",
        asked.pulls,
        asked.kills,
        asked.restarts,
        asked.acts_per_s,
    )
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    adopt_orphans()
    load = os.getloadavg()[0]
    print(f"Seed {plan.seed}; {os.cpu_count()} cores at a load of {load:.1f}, Python {platform.python_version()}")

    async def all_of_it() -> tuple[list[str], list[str]]:
        table, wrong = await play(plan, keeps_files=asked.keep)
        return table, wrong + [f"left behind {line}" for line in await orphans() if "postgres" not in line]

    table, wrong = asyncio.run(all_of_it())
    print("\n".join(table))
    for line in wrong if asked.keep else wrong[:_SHOWN]:
        print(f"  WRONG: {line}")
    print("  nothing lost, nothing twice" if not wrong else f"  {len(wrong)} things are wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
