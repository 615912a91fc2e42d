"""Builds as they are stored, on both kinds of database: one a night, one at a time, whoever asks at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.nightly.builds import Build, BuildState
from bot.nightly.leaves import LeafChange
from bot.nightly.plan import BuildPlan, MergedPull, PlannedLeaf
from bot.store.builds import BuildStore
from bot.store.database import open_engine
from bot.store.quarantine import QuarantineStore

NIGHT, NOW = date(2026, 1, 5), datetime(2026, 1, 5, 2, tzinfo=UTC)


@pytest.fixture
async def engines(database_url: str) -> AsyncIterator[list[AsyncEngine]]:
    "Two processes of the bot on one database."
    engines = [open_engine(database_url) for _ in range(2)]
    yield engines
    for engine in engines:
        await engine.dispose()


@pytest.fixture
def stores(engines: list[AsyncEngine]) -> list[BuildStore]:
    return [BuildStore(engine) for engine in engines]


def a_plan(number: int = 1, repository_id: int = 1) -> BuildPlan:
    "A plan with one leaf of one pull request."
    leaf = PlannedLeaf("knowledge/otter", LeafChange.NEW, "1" * 40, "", (number,), ("ana",))
    pull = MergedPull(number, "ana", 7, "2" * 40, NOW)
    return BuildPlan(repository_id, "3" * 40, leaves=(leaf,), pulls=(pull,))


async def added(store: BuildStore, night: date = NIGHT, plan: BuildPlan | None = None) -> Build:
    "The build of a night, planned."
    build = await store.add(plan or a_plan(), night, NOW)
    assert build is not None
    return build


async def test_a_night_has_one_build_however_many_ask(stores: list[BuildStore]) -> None:
    "Of ten that plan at once one writes; another repository has nights of its own."
    outcomes = await asyncio.gather(*(stores[n % 2].add(a_plan(n), NIGHT, NOW) for n in range(10)))
    [build] = [outcome for outcome in outcomes if outcome]
    assert await stores[1].of_night(1, NIGHT) == build
    assert len((await stores[1].plan_of(build)).pulls) == 1
    assert await stores[0].add(a_plan(repository_id=2), NIGHT, NOW) is not None


async def test_never_two_run_at_once(stores: list[BuildStore]) -> None:
    "Of two builds that begin at once, and of one that two begin, one begins."
    second = await added(stores[0], NIGHT + timedelta(days=1))
    first = await added(stores[0])  # planned afterwards, so it is not passed over
    begun = await asyncio.gather(*(stores[n % 2].begin([first, second][n // 2], NOW) for n in range(4)))
    assert sum(begun) == 1
    running = await stores[0].running(1)
    assert running is not None
    assert await stores[1].end(running, BuildState.GOOD, NOW)
    assert not await stores[0].end(running, BuildState.FAILED, NOW)
    other = second if running.id == first.id else first
    assert await stores[0].begin(other, NOW)


async def test_the_last_good_one_counts(stores: list[BuildStore]) -> None:
    "Not the last one."
    for days, state in enumerate((BuildState.GOOD, BuildState.GOOD, BuildState.FAILED, BuildState.CANCELLED)):
        build = await added(stores[0], NIGHT + timedelta(days=days))
        assert await stores[0].begin(build, NOW)
        assert await stores[0].end(build, state, NOW)
    good = await stores[1].last_good(1)
    assert good is not None
    assert good.night == NIGHT + timedelta(days=1)
    assert await stores[1].last_good(2) is None


@pytest.mark.parametrize("state", [BuildState.GOOD, BuildState.RUNNING])
async def test_what_runs_or_was_good_is_not_planned_anew(stores: list[BuildStore], state: BuildState) -> None:
    "What others are compared with stays."
    build = await added(stores[0])
    await stores[0].begin(build, NOW)
    if state is BuildState.GOOD:
        await stores[0].end(build, state, NOW)
    assert await stores[1].plan_anew(build, a_plan(2), NOW) is None
    assert [pull.number for pull in (await stores[1].plan_of(build)).pulls] == [1]


async def test_who_saw_an_older_attempt_moves_nothing(stores: list[BuildStore]) -> None:
    "Of two that plan a failed night anew at once one does; what was seen before cannot be begun."
    build = await added(stores[0])
    await stores[0].end(build, BuildState.CANCELLED, NOW)
    anew = await asyncio.gather(*(stores[n].plan_anew(build, a_plan(2 + n), NOW) for n in range(2)))
    [again] = [outcome for outcome in anew if outcome]
    assert again.attempt == 2
    assert not await stores[0].begin(build, NOW)
    assert not await stores[0].end(build, BuildState.GOOD, NOW)
    assert await stores[0].with_pull(1, 1) == []
    assert await stores[0].begin(again, NOW)


async def test_a_quarantine_stands_until_it_is_lifted(engines: list[AsyncEngine]) -> None:
    "Set twice, it stays as it was set first; lifted, it can be set again; long paths are known by their digest."
    store, long = QuarantineStore(engines[0]), "knowledge/" + "a" * 600
    await store.put(1, "knowledge/otter", "fell in a gate", "max", NOW)
    await store.put(1, "knowledge/otter", "again", "mia", NOW)
    await store.put(1, long, "too long", "max", NOW)
    [otter, other] = sorted((await store.standing(1)).values(), key=lambda kept: -len(kept.leaf), reverse=True)
    assert (otter.reason, otter.set_by, len(other.leaf)) == ("fell in a gate", "max", 500)
    assert await store.standing(2) == {}

    assert await store.lift(1, "knowledge/otter", "max", NOW)
    assert not await store.lift(1, "knowledge/otter", "max", NOW)
    assert await store.lift(1, long, "max", NOW)
    assert await store.standing(1) == {}
    await store.put(1, "knowledge/otter", "once more", "mia", NOW)
    assert [kept.reason for kept in (await store.standing(1)).values()] == ["once more"]
