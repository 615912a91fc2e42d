"""What a nightly build would take in: what was merged since the last good one, whoever merged it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from bot.nightly.builds import BuildState
from bot.nightly.desk import Decision
from bot.nightly.gathering import PlanRoom
from bot.nightly.plan import BuildPlan
from bot.nightly.punctuality import PLANNED
from bot.simulator import CommitSpec, payloads_git
from bot.store.history import History
from bot.store.repositories import KnownRepository
from tests.world import PullRequest, World
from tests.world.nights import NIGHT, Nights, leaf_named, nights_of, skill

NEXT_NIGHT = date(2026, 1, 7)


@pytest.fixture
async def nights(world: World) -> AsyncIterator[Nights]:
    "The taxonomy has been built once, with a first skill; tess is a triager, max a maintainer."
    world.repo.permissions |= {"tess": "triage", "max": "maintain"}
    async with nights_of(world) as nights:
        first = await merged(world, "first")
        await world.clock.advance(hours=17)
        await nights.good_build()
        first.has_been_read()
        yield nights
    await world.settled()
    for pr in world._seen.values():
        pr.has_been_read()


async def merged(
    world: World, name: str, author: str = "ana", *, method: str = "squash", **kwargs: Any
) -> PullRequest:
    "A pull request that adds a skill and that max merges."
    pr = await getattr(world, author).opens_pr(skill(name, author), **kwargs)
    await pr.settled()
    await world.clock.advance(minutes=1)
    await world.github.merge_pull(pr.pull, by="max", method=method)
    await pr.settled()
    return pr


def told(plan: BuildPlan) -> list[tuple[str, str, tuple[int, ...]]]:
    "The leaves of a plan: what became of each, and from where."
    return [(leaf.change.value, leaf.path.rpartition("/")[2], leaf.pulls) for leaf in plan.leaves]


async def plan(nights: Nights) -> BuildPlan:
    "What a build would take in now."
    return await nights.room.plan(await nights.known())


async def test_nothing_merged_is_no_build(nights: Nights) -> None:
    "The plan says so, and the night has no build."
    night = await nights.desk.plan_night(await nights.known(), NEXT_NIGHT)
    assert night.decision is Decision.NOTHING_NEW
    assert night.plan is not None
    assert night.plan.is_empty
    assert await nights.builds.of_night(nights.world.repo.id, NEXT_NIGHT) is None


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
async def test_what_was_merged_is_in(nights: Nights, method: str) -> None:
    "However it was merged: with its author, and the licence that its attribution names."
    commits = [CommitSpec("The skill", {p: c for p, c in skill("haiku", "ben").items() if p.endswith("yaml")})]
    commits += [CommitSpec("Its sources", {p: c for p, c in skill("haiku", "ben").items() if p.endswith("txt")})]
    pr = await merged(nights.world, "haiku", "ben", method=method, commits=commits)
    found = await plan(nights)
    assert told(found) == [("new", "haiku", (pr.number,))]
    assert found.leaves[0].authors == ("ben",)
    assert found.leaves[0].licences == ("CC-BY-SA-4.0",)
    assert (found.base_night, found.commit) == ("2026-01-06", nights.world.repo.head_sha)
    assert [(pull.number, pull.is_known) for pull in found.pulls] == [(pr.number, True)]
    assert found.notes == ()


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
async def test_what_was_merged_behind_our_back_is_in(nights: Nights, method: str) -> None:
    "No webhook told of it; git and GitHub do."
    world = nights.world
    with world.no_webhooks():
        pr = await merged(world, "haiku", "ben", method=method)
    found = await plan(nights)
    assert told(found) == [("new", "haiku", (pr.number,))]
    assert [(pull.number, pull.author, pull.is_known) for pull in found.pulls] == [(pr.number, "ben", False)]


async def test_what_came_by_way_of_another_branch_is_in(nights: Nights) -> None:
    "It was merged into a branch which was then pushed: only git tells that its commits are here now."
    world = nights.world
    world.repo.branches["staging"] = world.repo.head_sha
    pr = await merged(world, "haiku", base="staging", method="merge")
    await world.github.force_push_to_default(world.repo, world.repo.branches["staging"], {"README.md": "# New\n"})
    found = await plan(nights)
    assert told(found) == [("new", "haiku", (pr.number,))]


async def test_a_push_past_all_review_is_in_and_nobodys(nights: Nights) -> None:
    "It is in the taxonomy; no pull request brought it."
    await nights.world.github.push_to_default(nights.world.repo, skill("haiku"), author="max")
    found = await plan(nights)
    assert told(found) == [("new", "haiku", ())]


async def test_what_was_reverted_is_out(nights: Nights) -> None:
    "Neither it nor the pull request that took it back; what was merged beside them is in."
    world = nights.world
    pr = await merged(world, "haiku")
    revert = await world.tess.opens_pr(dict.fromkeys(skill("haiku"), None), title="Revert the haiku")
    await revert.settled()
    await world.github.merge_pull(revert.pull, by="max")
    other = await merged(world, "limerick")
    found = await plan(nights)
    assert told(found) == [("new", "limerick", (other.number,))]
    assert [pull.number for pull in found.left_out_pulls] == [pr.number, revert.number]
    assert "reverted" in found.left_out_pulls[0].reason


async def test_a_leaf_that_is_removed_leaves_the_build(nights: Nights) -> None:
    "With the pull request that removed it."
    world = nights.world
    pr = await world.tess.opens_pr(dict.fromkeys(skill("first"), None))
    await pr.settled()
    await world.github.merge_pull(pr.pull, by="max")
    found = await plan(nights)
    assert told(found) == [("removed", "first", (pr.number,))]
    assert [pull.number for pull in found.pulls] == [pr.number]


async def rewritten(nights: Nights) -> PullRequest:
    "Max force-pushes a history without the last good build's commit, with a merged haiku and an epic of nobody's."
    world, repo = nights.world, nights.world.repo
    root = next(sha for sha, commit in repo.store.commits.items() if not commit.parents)
    pr = await merged(world, "haiku")
    await world.github.force_push_to_default(repo, root, skill("haiku") | skill("epic"), author="max")
    return pr


async def test_a_rewritten_history_is_said_and_compared_leaf_by_leaf(nights: Nights) -> None:
    "The last good build's commit is no ancestor any more; what is in the tree counts."
    last = await nights.builds.last_good(nights.world.repo.id)
    assert last is not None
    pr = await rewritten(nights)
    found = await plan(nights)
    assert told(found) == [("new", "epic", ()), ("removed", "first", ()), ("new", "haiku", (pr.number,))]
    assert [pull.number for pull in found.pulls] == [pr.number]
    [note] = found.notes
    assert "The history of main was rewritten" in note
    assert last.commit[:7] in note


async def test_a_commit_that_github_has_forgotten_makes_every_leaf_new(nights: Nights) -> None:
    "There is nothing left to compare with; that is said, too."
    async with nights.engine.begin() as connection:
        await connection.execute(text("update builds set commit_sha = :gone"), {"gone": "f" * 40})
    pr = await rewritten(nights)
    found = await plan(nights)
    assert told(found) == [("new", "epic", ()), ("new", "haiku", (pr.number,)), ("new", "otter", ())]
    assert "every leaf counts as new" in found.notes[0]
    assert "was rewritten" in found.notes[1]


async def test_a_merge_during_a_build_goes_to_the_next(nights: Nights) -> None:
    "The running build keeps its plan; the night that comes while it runs has none; then the next has both."
    world = nights.world
    early = await merged(world, "early")
    known = await nights.known()
    running = (await nights.desk.plan_night(known, NEXT_NIGHT)).build
    assert running is not None
    assert await nights.builds.begin(running, world.clock.now())

    late = await merged(world, "late")

    assert (await nights.desk.plan_night(known, date(2026, 1, 8))).decision is Decision.STILL_RUNNING
    kept = await nights.builds.plan_of(running)
    assert told(kept) == [("new", "early", (early.number,))]
    await nights.builds.end(running, BuildState.GOOD, world.clock.now())
    assert told(await plan(nights)) == [("new", "late", (late.number,))]


async def test_a_build_that_failed_gives_all_to_the_next(nights: Nights) -> None:
    "Only a good build takes contributions off the list; the failed night itself may be planned anew."
    world = nights.world
    early = await merged(world, "early")
    known = await nights.known()
    failed = (await nights.desk.plan_night(known, NEXT_NIGHT)).build
    assert failed is not None
    await nights.builds.begin(failed, world.clock.now())
    await nights.builds.end(failed, BuildState.FAILED, world.clock.now())
    late = await merged(world, "late")
    assert (await nights.desk.plan_night(known, NEXT_NIGHT)).decision is Decision.ALREADY_THERE

    again = await nights.desk.plan_night(known, NEXT_NIGHT, anew=True)

    assert again.decision is Decision.PLANNED
    assert again.build is not None
    assert (again.build.id, again.build.attempt, again.build.state) == (failed.id, 2, BuildState.PLANNED)
    assert again.plan is not None
    assert told(again.plan) == [("new", "early", (early.number,)), ("new", "late", (late.number,))]
    assert [b.id for b in await nights.builds.with_pull(world.repo.id, late.number)] == [failed.id]


async def test_two_schedulers_race_and_one_wins(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    "Both see that it is due and plan before either writes; one build is written down."
    world = nights.world
    pr = await merged(world, "haiku")
    async with nights_of(world) as others:
        await world.clock.advance(hours=24)
        known, both_have_planned = await nights.known(), asyncio.Barrier(2)

        def racing(room: PlanRoom) -> Callable[[KnownRepository], Awaitable[BuildPlan]]:
            plan = room.plan

            async def planned(known: KnownRepository) -> BuildPlan:
                found = await plan(known)
                await both_have_planned.wait()
                return found

            return planned

        for each in (nights, others):
            monkeypatch.setattr(each.room, "plan", racing(each.room))
        outcomes = await asyncio.gather(nights.desk.plan_if_due(known), others.desk.plan_if_due(known))
        assert sorted(n.decision for n in outcomes if n) == sorted([Decision.PLANNED, Decision.ALREADY_THERE])
        assert await others.desk.plan_if_due(known) is None
    newest = await nights.builds.newest(world.repo.id, 10)
    assert [(b.night, b.state, b.counts.new) for b in newest] == [
        (NEXT_NIGHT, BuildState.PLANNED, 1),
        (NIGHT, BuildState.GOOD, newest[1].counts.new),
    ]
    assert [b.id for b in await nights.builds.with_pull(world.repo.id, pr.number)] == [newest[0].id]


async def test_a_scheduler_that_comes_late_finds_the_night_decided(nights: Nights) -> None:
    "There is nothing left for it to do."
    world = nights.world
    await merged(world, "haiku")
    async with nights_of(world) as others:
        await world.clock.advance(hours=24)
        first = await nights.desk.plan_if_due(await nights.known())
        assert first is not None
        assert first.decision is Decision.PLANNED
        assert await others.desk.plan_if_due(await others.known()) is None


async def test_a_plan_nobody_began_is_passed_over(nights: Nights) -> None:
    "The next night's plan holds what it held."
    world = nights.world
    pr = await merged(world, "haiku")
    known = await nights.known()
    await nights.desk.plan_night(known, NEXT_NIGHT)
    later = (await nights.desk.plan_night(known, date(2026, 1, 8))).build
    assert later is not None
    assert [b.state for b in await nights.builds.newest(world.repo.id, 2)] == ["planned", "passed over"]
    assert told(await nights.builds.plan_of(later)) == [("new", "haiku", (pr.number,))]


async def test_a_night_goes_by_when_it_was_due(nights: Nights) -> None:
    "Due at ten to midnight and planned after it: it is the build of the day before, and there is one."
    world = nights.world
    world._settings |= {"nightly_cron": "50 23 * * *"}
    await merged(world, "haiku")
    due = datetime(2026, 1, 7, 23, 50, tzinfo=UTC)
    await world.clock.advance(seconds=(due - world.clock.now()).total_seconds() + 15 * 60)
    assert world.clock.now().date() == date(2026, 1, 8)
    async with nights_of(world) as late:
        known = await late.known()
        night = await late.desk.plan_if_due(known)
        assert night is not None
        assert (night.night, night.decision) == (date(2026, 1, 7), Decision.PLANNED)
        await world.clock.advance(hours=1)
        assert await late.desk.plan_if_due(known) is None


async def test_the_bot_plans_by_itself_when_it_is_due(nights: Nights) -> None:
    "Also late: GitHub was away at two, and it is planned when it is back."
    world = nights.world
    pr = await merged(world, "haiku")
    await world.stop_bot()
    await world.start_bot(nightly=True)
    world.github.fail_next("GET", r"/repositories/\d+", times=20)
    async with asyncio.timeout(20):
        while await nights.builds.of_night(world.repo.id, NEXT_NIGHT) is None:
            await world.clock.advance(minutes=5)
            await asyncio.sleep(0.01)
    build = await nights.builds.of_night(world.repo.id, NEXT_NIGHT)
    assert build is not None
    assert build.planned_at >= world.clock.now().replace(hour=2, minute=0)
    assert told(await nights.builds.plan_of(build)) == [("new", "haiku", (pr.number,))]
    assert "cmb-running" not in pr.labels
    await world.stop_bot()
    await world.start_bot(nightly=False)


async def test_a_legal_hold_keeps_a_leaf_out_until_it_is_cleared(nights: Nights) -> None:
    "Also one that an earlier build holds; cleared, it comes back though git has not changed."
    world = nights.world
    pr = await merged(world, "haiku")
    await nights.good_build(NEXT_NIGHT)
    await world.github.label(pr.pull, "legal-hold", by="max")
    await pr.settled()
    found = await plan(nights)
    assert told(found) == [("removed", "haiku", (pr.number,))]
    assert [(leaf.path, leaf.reason) for leaf in found.left_out_leaves] == [
        (leaf_named("haiku"), f"#{pr.number} is on legal hold")
    ]
    await nights.good_build(date(2026, 1, 8))
    assert (await plan(nights)).is_empty

    await world.github.unlabel(pr.pull, "legal-hold", by="max")
    await pr.settled()
    found = await plan(nights)
    assert told(found) == [("new", "haiku", (pr.number,))]
    assert [(pull.number, pull.author) for pull in found.pulls] == [(pr.number, "ana")]


async def test_a_quarantine_keeps_a_leaf_out_until_it_is_lifted(nights: Nights) -> None:
    "It comes in with the pull request that brought it, however many builds went by."
    world = nights.world
    pr, other = await merged(world, "haiku"), await merged(world, "limerick")
    await nights.quarantine.put(world.repo.id, leaf_named("haiku"), "fell in a gate", "max", world.clock.now())
    found = await plan(nights)
    assert told(found) == [("new", "limerick", (other.number,))]
    assert [(pull.number, pull.reason) for pull in found.left_out_pulls] == [
        (pr.number, f"{leaf_named('haiku')}: quarantined since 2026-01-06: fell in a gate")
    ]
    await nights.good_build(NEXT_NIGHT)
    third = await merged(world, "sonnet")
    await nights.good_build(date(2026, 1, 8))

    assert await nights.quarantine.lift(world.repo.id, leaf_named("haiku"), "max", world.clock.now())

    found = await plan(nights)
    assert told(found) == [("new", "haiku", (pr.number,))]
    assert [(pull.number, pull.author) for pull in found.pulls] == [(pr.number, "ana")]
    assert third.number not in {pull.number for pull in found.pulls}


async def test_a_tree_that_github_cuts_is_read_in_parts(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    "The plan is the same, however little GitHub lists at once."
    await merged(nights.world, "haiku")
    whole = await plan(nights)
    monkeypatch.setattr(payloads_git, "TREE_LIMIT", 5)
    mark = nights.world.github.mark
    assert await plan(nights) == whole
    assert sum("/git/trees/" in line.path for line in nights.world.github.calls_since(mark)) > 4


async def test_labels_move_when_a_build_begins_and_ends(nights: Nights) -> None:
    "Not before; doing it twice changes nothing more, and who was merged behind our back gets it as well."
    world = nights.world
    pr = await merged(world, "haiku")
    with world.no_webhooks():
        unheard = await merged(world, "limerick", "ben")
    build = (await nights.desk.plan_night(await nights.known(), NEXT_NIGHT)).build
    assert build is not None
    assert "cmb-running" not in pr.labels | unheard.labels
    known, numbers = await nights.known(), [pull.number for pull in (await nights.builds.plan_of(build)).pulls]

    for _ in range(2):
        await nights.labels.build_began(known.origin, [*numbers, 999])
    await world.settled()
    assert "cmb-running" in pr.labels & unheard.labels

    mark = world.github.mark
    await nights.labels.build_began(known.origin, numbers)
    assert not any(line.is_write for line in world.github.calls_since(mark))
    await nights.labels.build_ended(known.origin, numbers)
    await world.settled()
    assert "cmb-running" not in pr.labels | unheard.labels


async def test_a_clock_that_was_far_ahead_once_stops_no_later_night(nights: Nights) -> None:
    "What was decided in ten years' time does not count."
    world = nights.world
    await merged(world, "haiku")
    known = await nights.known()
    ahead = world.clock.now() + timedelta(days=3650)
    await History(nights.engine).note_done(world.repo.id, PLANNED, ahead)
    await world.clock.advance(hours=24)
    night = await nights.desk.plan_if_due(known)
    assert night is not None
    assert (night.night, night.decision) == (NEXT_NIGHT, Decision.PLANNED)
    assert await nights.desk.plan_if_due(known) is None
