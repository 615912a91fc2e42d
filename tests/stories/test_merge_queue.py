"""Several ready at once: one after the other, each judged on what the one before has left."""

from __future__ import annotations

import asyncio

import pytest

from tests.checks.contributions import SKILL_PATH, a_skill, attribution
from tests.world import Person, PullRequest, World
from tests.world.people import a_good_skill
from tests.world.review import gives_powers, sets_policy, triaged, why

LEAF = SKILL_PATH.rpartition("/")[0]
BELOW = f"{LEAF}/more/qna.yaml"


@pytest.fixture(autouse=True)
def people(world: World) -> None:
    "Triagers tess and tom, approvers apo and eve, maintainers max and mia."
    gives_powers(world)


def merges(world: World) -> list[int]:
    "The pull requests that GitHub was asked to merge, in order."
    asked = [line.path for line in world.github.requests if line.method == "PUT" and line.path.endswith("/merge")]
    return [int(path.split("/")[-2]) for path in asked]


async def held(world: World, authors: tuple[str, ...]) -> list[PullRequest]:
    "Pull requests that lack nothing but a check of another App, which GitHub waits for."
    world.repo.required_checks = {("Build", None)}
    prs = [await triaged(world, author) for author in authors]
    for pr in prs:
        await world.apo.comments(pr, "/approve")
    await world.settled()
    world.repo.required_checks = set()
    return prs


async def test_three_are_merged_one_after_the_other(world: World) -> None:
    "Each is judged on the base that the one before has made."
    prs = [await triaged(world, author) for author in ("ana", "bob", "cleo")]
    await world.stop_bot()
    await world.start_bot(handling=False)
    for pr in prs:
        await world.apo.comments(pr, "/approve")
    await world.github.settle()
    await world.stop_bot()
    await world.start_bot()
    await world.settled()
    assert [pr.pull.merged for pr in prs] == [True, True, True]
    assert sorted(merges(world)) == [1, 2, 3]
    for pr in prs:
        assert "Merged. Thank you" in pr.pull.comments[0].body
        pr.has_been_read()


async def test_what_would_break_on_the_newest_base_is_stopped(world: World) -> None:
    "A leaf under another leaf: each is fine alone, both together are not."
    above = await triaged(world, "ana")
    below = await triaged(world, "bob", a_good_skill("bob", BELOW))
    await world.apo.comments(above, "/approve")
    await above.settled()
    assert above.pull.merged
    await world.apo.comments(below, "/approve")

    comment = await below.edited_comment()
    assert "Not merged yet. Together with what was merged meanwhile, the checks do not pass" in comment
    assert "Next: you" in comment
    assert merges(world) == [1]
    assert below.check("Merge readiness").conclusion == "action_required"
    assert "ready-to-merge" not in below.labels
    assert "Together with what was merged meanwhile" in await why(world, below)
    await world.apo.comments(below, "/merge")
    assert "Not yet. Together with what was merged meanwhile" in await below.next_comment()
    above.has_been_read()


async def test_the_second_of_one_leaf_waits_for_its_author(world: World) -> None:
    "Both approved, both for the same new leaf: GitHub is asked for the first only."
    first = await triaged(world, "ana")
    second = await Person(world, "bob").opens_pr(a_good_skill("bob", SKILL_PATH))
    await second.settled()
    await world.apo.comments(first, "/approve")
    await first.settled()
    assert not first.pull.merged
    first.has_been_read()
    assert f"#{second.number} is for the same leaf and not decided yet" in await why(world, first)

    await world.tess.comments(second, "/triage-approve")
    await world.eve.comments(second, "/approve")
    await world.settled()

    assert (first.pull.merged, second.pull.merged) == (True, False)
    assert merges(world) == [first.number]
    comment = second.pull.comments[0].body
    assert f"Another change of `{LEAF}/attribution.txt`, `{SKILL_PATH}` was merged meanwhile" in comment
    assert "Next: you" in comment
    assert f"#{first.number}" not in comment.replace(f"pull/{first.number}", "")
    assert second.check("Merge readiness").conclusion == "action_required"
    first.has_been_read()
    second.has_been_read()

    await world.bob.pushes(
        second,
        {SKILL_PATH: a_skill(created_by="bob", seed_examples=6), f"{LEAF}/attribution.txt": attribution()},
        force=True,
    )
    await second.settled()
    assert "merged meanwhile" not in second.pull.comments[0].body
    second.has_been_read()


async def test_a_rival_goes_on_when_the_other_is_closed(world: World) -> None:
    "One decision for the leaf: the other one is closed, so nothing stands in the way any more."
    first = await triaged(world, "ana")
    second = await Person(world, "bob").opens_pr(a_good_skill("bob", SKILL_PATH))
    await world.apo.comments(first, "/approve")
    await world.settled()
    assert not first.pull.merged
    await world.github.close_pull(second.pull)
    await world.settled()
    assert first.pull.merged
    first.has_been_read()
    second.has_been_read()


async def test_a_restart_in_the_middle_goes_on(world: World) -> None:
    "The bot stops as soon as the first is merged: after the next start the others follow, nothing twice."
    prs = [await triaged(world, author) for author in ("ana", "bob", "cleo")]
    await world.stop_bot()
    await world.start_bot(handling=False)
    for pr in prs:
        await world.apo.comments(pr, "/approve")
    await world.github.settle()
    await world.stop_bot()
    await world.start_bot()
    async with asyncio.timeout(20):
        while not merges(world):
            await asyncio.sleep(0)
    await world.stop_bot()
    assert not all(pr.pull.merged for pr in prs)

    before = world.repo.head_sha
    missing = sum(not pr.pull.merged for pr in prs)
    await world.start_bot()
    await world.settled()
    assert all(pr.pull.merged for pr in prs)
    assert len(world.repo.store.commits_between(before, world.repo.head_sha)) == missing
    for pr in prs:
        pr.has_been_read()


async def test_what_people_ask_for_goes_first(world: World) -> None:
    "`/merge` overtakes what was merely ready before."
    prs = await held(world, ("ana", "bob"))
    world.repo.required_checks = {("Build", None)}
    before = len(merges(world))
    await world.eve.comments(prs[1], "/merge")
    await world.settled()
    world.repo.required_checks = set()
    await world.github.other_check_run(prs[0].pull, "Build", conclusion="success")
    await world.github.other_check_run(prs[1].pull, "Build", conclusion="success")
    await world.settled()
    assert all(pr.pull.merged for pr in prs)
    assert merges(world)[before] == prs[1].number
    for pr in prs:
        pr.has_been_read()


async def test_the_queue_of_people_keeps_its_order(world: World) -> None:
    "First asked, first merged, whatever the numbers."
    sets_policy(world, "merging:\n  automatic: false\n")
    prs = [await triaged(world, author) for author in ("ana", "bob", "cleo")]
    for pr in prs:
        await world.apo.comments(pr, "/approve")
    await world.settled()
    await world.stop_bot()
    await world.start_bot(handling=False)
    for pr in (prs[2], prs[0], prs[1]):
        await world.clock.advance(seconds=5)
        await world.apo.comments(pr, "/merge")
    await world.github.settle()
    await world.stop_bot()
    await world.start_bot(concurrent_triages=1)
    await world.settled()
    assert merges(world) == [3, 1, 2]
    for pr in prs:
        pr.has_been_read()
