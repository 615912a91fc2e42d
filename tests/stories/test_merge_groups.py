"""GitHub's own merge queue: a group of pull requests is answered, by success or by what is missing."""

from __future__ import annotations

import pytest

from bot.simulator import CheckRun, MergeGroup
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import PullRequest, World
from tests.world.people import a_good_skill
from tests.world.review import gives_powers, sets_policy, triaged

BELOW = f"{SKILL_PATH.rpartition('/')[0]}/more/qna.yaml"


@pytest.fixture(autouse=True)
def people(world: World) -> None:
    "Nobody but GitHub's queue merges; our check, pinned to our App, is required."
    gives_powers(world)
    sets_policy(world, "merging:\n  automatic: false\n")
    world.repo.required_checks = {("Merge readiness", 1234)}


async def approved(world: World, author: str = "ana", **kwargs: object) -> PullRequest:
    "A pull request that lacks nothing."
    pr = await triaged(world, author, **kwargs)  # type: ignore[arg-type]
    await world.apo.comments(pr, "/approve")
    await pr.settled()
    pr.has_been_read()
    return pr


async def answers(world: World, group: MergeGroup) -> list[CheckRun]:
    "What we said on the group's commit."
    await world.settled()
    return world.repo.check_runs(group.head_sha)


async def test_a_ready_pull_request_passes(world: World) -> None:
    "One check run on the group's own commit; merged by GitHub, the author is thanked."
    pr = await approved(world)
    group = await world.github.request_merge_group(pr.pull)
    assert [(run.name, run.conclusion) for run in await answers(world, group)] == [("Merge readiness", "success")]
    assert group.is_satisfied

    await world.github.end_merge_group(group)
    assert "Merged. Thank you, `ana`!" in await pr.edited_comment()


async def test_what_is_not_ready_is_refused_with_the_reason(world: World) -> None:
    "Never neutral, which GitHub would take for a yes."
    pr = await triaged(world)
    group = await world.github.request_merge_group(pr.pull)
    (run,) = await answers(world, group)
    assert run.conclusion == "action_required"
    assert "It needs the approval of an approver" in (run.summary or "")
    assert group.unmet_checks == {"Merge readiness": "failing"}


async def test_a_group_of_two_needs_both(world: World) -> None:
    "The group is named for the last one; the one before counts as well."
    first, last = await approved(world, "ana"), await approved(world, "bob")
    group = await world.github.request_merge_group(first.pull, last.pull)
    assert [run.conclusion for run in await answers(world, group)] == ["success"]
    await world.github.end_merge_group(group, "invalidated")

    await world.tess.comments(first, "/hold")
    await world.settled()
    await world.github.push_to_default(world.repo, {"README.md": "# Another base\n"})
    group = await world.github.request_merge_group(first.pull, last.pull)
    (run,) = await answers(world, group)
    assert run.conclusion == "action_required"
    assert f"#{first.number}: It is held up by hand" in (run.summary or "")
    first.has_been_read()
    last.has_been_read()


async def test_two_that_break_each_other_are_refused(world: World) -> None:
    "A leaf under another leaf: each ready by itself, not both together."
    above = await approved(world, "ana")
    below = await approved(world, "bob", files=a_good_skill("bob", BELOW))
    group = await world.github.request_merge_group(above.pull, below.pull)
    (run,) = await answers(world, group)
    assert run.conclusion == "action_required"
    assert "Together with what is merged before it, the checks do not pass." in (run.summary or "")


async def test_a_number_in_somebodys_title_is_no_member(world: World) -> None:
    "A title that ends like GitHub's own, of a pull request or of nothing, makes nobody a member."
    other = await triaged(world, "bob")
    pr = await approved(world, title=f"A skill (#{other.number})")
    strange = await approved(world, "cleo", title="A skill (#999)")
    for ready in (pr, strange):
        group = await world.github.request_merge_group(ready.pull)
        assert [run.conclusion for run in await answers(world, group)] == ["success"]


async def test_asked_twice_it_answers_once(world: World) -> None:
    "GitHub delivers again what it thinks was lost."
    pr = await approved(world)
    group = await world.github.request_merge_group(pr.pull)
    assert len(await answers(world, group)) == 1
    for delivery in [d for d in world.github.deliveries if d.event == "merge_group"]:
        delivery.headers["X-GitHub-Delivery"] += "-again"
        world.github.redeliver(delivery)
    assert len(await answers(world, group)) == 1


async def test_a_push_after_the_approval_is_refused_in_a_group(world: World) -> None:
    "What was approved is no longer what would be merged."
    pr = await approved(world)
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await world.settled()
    group = await world.github.request_merge_group(pr.pull)
    (run,) = await answers(world, group)
    assert run.conclusion == "action_required"
    assert "A triager has to look at it again." in (run.summary or "")
    pr.has_been_read()
