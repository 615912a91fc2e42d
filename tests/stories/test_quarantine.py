"""Leaves that a failed gate is traced back to: kept out, written down, and let in again by a maintainer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import pytest

from bot.labels import Label
from bot.nightly.blame import Blame, Suspect
from bot.nightly.builds import Build
from bot.store.desk_log import AuditEntry, DeskLog
from tests.stories.test_nightly import merged, plan, told
from tests.world import World
from tests.world.nights import Nights, leaf_named, nights_of
from tests.world.review import sets_policy

NIGHT = date(2026, 1, 7)


@pytest.fixture
async def nights(world: World) -> AsyncIterator[Nights]:
    "The taxonomy has been built once, with a first skill; max is a maintainer."
    world.repo.permissions |= {"max": "maintain"}
    async with nights_of(world) as nights:
        await merged(world, "first")
        await world.clock.advance(hours=17)
        await nights.good_build()
        yield nights
    await world.settled()
    for pr in world._seen.values():
        pr.has_been_read()


async def a_build(nights: Nights) -> Build:
    "The build of the next night."
    night = await nights.desk.plan_night(await nights.known(), NIGHT)
    assert night.build is not None
    return night.build


def suspect(name: str, *pulls: int, is_sure: bool = True) -> Suspect:
    "Somebody to blame."
    said = ("PR-mmlu of all other leaves", 0.502, 0.703, 0.201, 0.018, 2)
    return Suspect((leaf_named(name),), pulls, *said, is_sure=is_sure)


def blamed(*suspects: Suspect) -> Blame:
    "They are to blame."
    return Blame((), suspects, is_over=True)


async def test_who_is_blamed_is_kept_out_of_the_next_build(nights: Nights) -> None:
    "With the numbers in the reason, a label for people, and a line in the audit; doing it twice changes nothing."
    pr, other = await merged(nights.world, "haiku"), await merged(nights.world, "limerick")
    build, known = await a_build(nights), await nights.known()
    for _ in range(2):
        kept_out = await nights.quarantines.keep_out(known, build, blamed(suspect("haiku", pr.number)))
        assert kept_out == (leaf_named("haiku"),)
    found = await plan(nights)
    assert told(found) == [("new", "limerick", (other.number,))]
    (left_out,) = found.left_out_leaves
    assert left_out.reason.startswith("quarantined since 2026-01-06: the build 2026-01-07.1 failed its gate")
    assert "PR-mmlu of all other leaves is 0.703 instead of 0.502 (+0.201, measured 2 times" in left_out.reason
    assert Label.HOLD in pr.labels
    assert Label.HOLD not in other.labels
    (entry,) = [each for each in await entries(nights, pr.number) if each.act == "quarantine"]
    assert (entry.actor, entry.arguments, entry.sha) == ("taxonomy-bot", leaf_named("haiku"), build.commit)


async def test_nobody_is_kept_out_on_a_suspicion(nights: Nights) -> None:
    "One of several it was, or blame is not over: their leaves stay in."
    pr = await merged(nights.world, "haiku")
    build, known = await a_build(nights), await nights.known()
    unsure = blamed(suspect("haiku", pr.number, is_sure=False))
    early = Blame((), (suspect("haiku", pr.number),), is_over=False)
    for blame in (unsure, early, Blame(is_over=True)):
        assert await nights.quarantines.keep_out(known, build, blame) == ()
    assert [leaf.path for leaf in (await plan(nights)).leaves] == [leaf_named("haiku")]
    assert Label.HOLD not in pr.labels


async def test_a_community_may_want_no_quarantine(nights: Nights) -> None:
    "Then the report names the suspects, and people decide."
    pr = await merged(nights.world, "haiku")
    sets_policy(nights.world, "builds:\n  quarantine: false\n")
    blame = blamed(suspect("haiku", pr.number))
    assert await nights.quarantines.keep_out(await nights.known(), await a_build(nights), blame) == ()
    assert await nights.quarantine.standing(nights.world.repo.id) == {}


async def test_what_is_lifted_comes_in_again(nights: Nights) -> None:
    "The label goes with the last of its leaves; who lifted it is in the audit."
    pr = await merged(nights.world, "haiku")
    both = blamed(suspect("haiku", pr.number), suspect("first", pr.number))
    known = await nights.known()
    await nights.quarantines.keep_out(known, await a_build(nights), both)

    lifted = await nights.quarantines.lift(known, leaf_named("first"), "mona")
    assert lifted is not None
    assert lifted.pulls == ()
    assert Label.HOLD in pr.labels

    lifted = await nights.quarantines.lift(known, leaf_named("haiku"), "mona")
    assert lifted is not None
    assert lifted.pulls == (pr.number,)
    assert Label.HOLD not in pr.labels
    assert [leaf.path for leaf in (await plan(nights)).leaves] == [leaf_named("haiku")]
    assert await nights.quarantines.lift(known, leaf_named("haiku"), "mona") is None
    acts = [(each.actor, each.role, each.act, each.arguments) for each in await entries(nights, pr.number)]
    assert acts[-1] == ("mona", "operator", "quarantine lift", leaf_named("haiku"))


async def entries(nights: Nights, number: int) -> list[AuditEntry]:
    "What the audit says of a pull request."
    return await DeskLog(nights.engine).of_pull(nights.world.repo.id, number)
