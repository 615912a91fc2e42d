"""Tells many journeys in one world: those with the same weather go together, step by step."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

import pytest

from bot.jobs import JobState
from bot.simulator import routes_git
from bot.simulator.access import Limits
from bot.workflow import Status, Transition
from tests.world.journeys import Journey, Plan, Weather
from tests.world.records import records_of
from tests.world.review import gives_powers
from tests.world.world import World

_TOGETHER = 40
_POLICY = ".github/taxonomy-bot.yml"
_CALM = "merging: {automatic: false, approvals: 2}\n"  # what is ready waits, so that it can be looked at
_STRICT = _CALM + "limits: {skill_seed_examples: 6}\n"
_DOUBTFUL = _CALM + "sources: {approved: [openstax.org]}\n"
_LENIENT = _CALM + "limits: {skill_seed_examples: 3}\n"
_LAST = (Weather.SILENT, Weather.FORGOTTEN)  # they are felt by every pull request there is


@dataclass(frozen=True, slots=True)
class Moment:
    """How a pull request stands: for us, on GitHub, who stands behind it, what is computed."""

    status: Status
    labels: frozenset[str]
    standing: frozenset[int]  # ids of approvals that have not fallen, by their place in order
    jobs: tuple[JobState, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """One journey: how the pull request stood before and after its last step, and what the bot did and said."""

    before: Moment
    after: Moment
    walked: tuple[Transition, ...]  # the rows that triage went through meanwhile
    said: tuple[str, ...]
    thread: str


class Troupe:
    """Plays journeys in one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._told: dict[Hashable, Told | BaseException] = {}
        self._count = 0

    async def tell(
        self, plans: Mapping[Hashable, tuple[Transition, Plan]]
    ) -> Mapping[Hashable, Told | BaseException]:
        "Play all journeys. What went wrong in one is kept for whoever asks for it."
        world = self._world
        gives_powers(world)
        world.github.gate.limits = Limits(None, None, None, None)  # time stands still while they go
        await world.github.push_to_default(world.repo, {_POLICY: _CALM})
        groups: defaultdict[tuple[Weather, ...], list[tuple[Hashable, Journey, Plan]]] = defaultdict(list)
        for name, (row, plan) in plans.items():
            self._count += 1
            weathers = tuple(weather for weather, _ in plan.steps)
            groups[weathers].append((name, Journey(world, row, self._count), plan))
        for weathers in sorted(
            groups, key=lambda w: [_LAST.index(x) + 1 if x in _LAST else 0 for x in reversed(w)]
        ):
            group = groups[weathers]
            for first in range(0, len(group), _TOGETHER):
                await self._play(weathers, group[first : first + _TOGETHER])
        for group in groups.values():
            for _, journey, _ in group:
                journey.pr.has_been_read()
        return self._told

    async def _play(self, weathers: tuple[Weather, ...], group: list[tuple[Hashable, Journey, Plan]]) -> None:
        for index, weather in enumerate(weathers):
            is_last = index == len(weathers) - 1
            going = [(name, journey, plan) for name, journey, plan in group if name not in self._told]
            before = await self._moments(j for _, j, _ in going) if is_last else {}
            moved, said = len(self._world.triaged_pulls), {j: _said(j) for _, j, _ in going} if is_last else {}
            with pytest.MonkeyPatch.context() as patch:
                await self._comes_up(weather, patch)
                results = await asyncio.gather(
                    *(plan.steps[index][1](journey) for _, journey, plan in going), return_exceptions=True
                )
                await self._world.settled()
            await self._clears_up(weather)
            for (name, _, _), result in zip(going, results, strict=True):
                if isinstance(result, BaseException):
                    self._told[name] = result
            if is_last:
                after = await self._moments(j for _, j, _ in going)
                for name, journey, _ in going:
                    walked = self._walked(journey.pr.number, moved)
                    news = tuple(text for text in _said(journey) if text not in said[journey])
                    told = Told(before[journey], after[journey], walked, news, journey.pr.thread())
                    self._told.setdefault(name, told)

    def _walked(self, number: int, since: int) -> tuple[Transition, ...]:
        pulls = self._world.triaged_pulls[since:]
        return tuple(row for of, triaged in pulls if of == number for row in triaged.rows)

    async def _moments(self, journeys: Iterable[Journey]) -> dict[Journey, Moment]:
        async with records_of(self._world) as records:
            found = {}
            for journey in journeys:
                key = (self._world.repo.id, journey.pr.number)
                memory = await records.memories.get(*key)
                assert memory is not None, journey.pr.thread()
                everything = await records.approvals.all_of(*key)
                standing = frozenset(n for n, approval in enumerate(everything) if not approval.fell_because)
                jobs = tuple(job.state for job in await records.jobs.of_pull(*key))
                found[journey] = Moment(memory.status, frozenset(journey.pr.labels), standing, jobs)
            return found

    async def _comes_up(self, weather: Weather, patch: pytest.MonkeyPatch) -> None:
        world = self._world
        await world.clock.advance(minutes=1)
        match weather:
            case Weather.STRICT:
                await world.github.push_to_default(world.repo, {_POLICY: _STRICT})
            case Weather.DOUBTFUL:
                await world.github.push_to_default(world.repo, {_POLICY: _DOUBTFUL})
            case Weather.UNREADABLE:
                patch.setattr(routes_git, "COMPARE_FILES", 1)
            case Weather.SILENT:
                await world.clock.advance(days=22)
                await world.sweeper.sweep()
            case Weather.FORGOTTEN:
                await world.stop_bot()
                await world.lose_the_database()
                await world.github.push_to_default(world.repo, {_POLICY: _LENIENT})
                await world.start_bot()
            case Weather.CLEAR:
                pass
        await world.settled()

    async def _clears_up(self, weather: Weather) -> None:
        if weather in (Weather.STRICT, Weather.DOUBTFUL, Weather.FORGOTTEN):
            await self._world.github.push_to_default(self._world.repo, {_POLICY: _CALM})
            await self._world.settled()


def _said(journey: Journey) -> list[str]:
    return [comment.body for comment in journey.pr.pull.comments if comment.by_app]
