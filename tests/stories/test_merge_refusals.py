"""When GitHub does not merge: its words are passed on, and it is asked again only when the world has changed."""

from __future__ import annotations

import pytest

from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import PullRequest, World
from tests.world.people import a_good_skill
from tests.world.review import gives_powers, triaged, why

MERGE = r"/pulls/1/merge$"


@pytest.fixture
async def pr(world: World) -> PullRequest:
    "A pull request of ana's that lacks nothing but an approval."
    gives_powers(world)
    return await triaged(world)


def merges(world: World) -> int:
    "How often GitHub was asked to merge."
    return sum(line.method == "PUT" and line.path.endswith("/merge") for line in world.github.requests)


async def refused(world: World, pr: PullRequest, words: str, following: str) -> None:
    "An approver approves; GitHub's words and who acts are in the living comment and in `/why`."
    await world.apo.comments(pr, "/approve")
    comment = await pr.edited_comment()
    assert "GitHub does not merge it" in comment
    assert words in comment
    assert f"Next: {following}" in comment
    answer = await why(world, pr)
    assert words in answer
    assert merges(world) == 1
    assert not pr.pull.merged
    assert pr.check("Merge readiness").conclusion == "success"  # else GitHub would wait for us for ever


async def test_a_required_check_of_another_app(world: World, pr: PullRequest) -> None:
    "Once it passes, the merge is tried again by itself, and only then."
    world.repo.required_checks = {("Merge readiness", 1234), ("Build", None)}
    await refused(world, pr, 'Required status check "Build" is expected', "whoever runs that check")

    await world.github.other_check_run(pr.pull, "Build", status="in_progress")
    await world.github.other_check_run(pr.pull, "Build", conclusion="failure")
    await world.bob.comments(pr, "/merge please, and /why not")
    await pr.settled()
    assert merges(world) == 1

    await world.github.other_check_run(pr.pull, "Build", conclusion="success")
    await pr.settled()
    assert pr.pull.merged
    assert merges(world) == 2
    pr.has_been_read()


async def test_a_check_that_is_not_the_missing_one_changes_no_word(world: World, pr: PullRequest) -> None:
    "It is tried again, refused again, and not said again."
    world.repo.required_checks = {("Build", None)}
    await refused(world, pr, '"Build" is expected', "whoever runs that check")
    mark = world.github.mark
    await world.github.other_check_run(pr.pull, "Lint", conclusion="success")
    await pr.settled()
    writes = [line for line in world.github.calls_since(mark) if line.is_write]
    assert [line.path.rpartition("/")[2] for line in writes] == ["merge"]


async def test_checks_of_what_was_not_refused_change_nothing(world: World, pr: PullRequest) -> None:
    "The checks of others are not our business until GitHub waits for them."
    mark = world.github.mark
    await world.github.other_check_run(pr.pull, "Build", conclusion="success")
    await pr.settled()
    assert not world.github.calls_since(mark)


async def test_an_approving_review_that_github_requires(world: World, pr: PullRequest) -> None:
    "A review without a word is enough to try again; so is one with a command."
    world.repo.required_approving_reviews = 1
    await refused(world, pr, "At least 1 approving review is required", "an approver")
    await world.github.review(pr.pull, "eve", "", "APPROVED")
    await pr.settled()
    assert pr.pull.merged
    pr.has_been_read()


async def test_an_approving_review_with_a_command(world: World, pr: PullRequest) -> None:
    "Both the command and the approval count."
    world.repo.required_approving_reviews = 1
    await refused(world, pr, "At least 1 approving review is required", "an approver")
    await world.github.review(pr.pull, "eve", "Fine.\n\n/approve", "APPROVED")
    await pr.settled()
    assert pr.pull.merged
    pr.has_been_read()


async def test_a_base_that_must_be_up_to_date(world: World, pr: PullRequest) -> None:
    "The author brings the branch up to date: same content, so approvals stand and it is merged."
    world.repo.requires_up_to_date = True
    await world.github.push_to_default(world.repo, {"README.md": "# Other words\n"})
    await pr.settled()
    await refused(world, pr, "Head branch is out of date", "you")
    await world.github.update_branch(pr.pull)
    await pr.settled()
    assert pr.pull.merged
    pr.has_been_read()


async def test_a_method_that_the_repository_forbids(world: World, pr: PullRequest) -> None:
    "A maintainer changes the setting, an approver says `/merge`."
    world.repo.merge_methods = frozenset({"merge"})
    await refused(world, pr, "Squash merges are not allowed on this repository.", "a maintainer")
    world.repo.merge_methods = frozenset({"squash"})
    await world.eve.comments(pr, "/merge")
    await pr.settled()
    assert pr.pull.merged
    assert merges(world) == 2
    pr.has_been_read()


async def test_merge_asked_for_after_a_refusal_is_tried_once(world: World, pr: PullRequest) -> None:
    "Still refused: the comment stays as it is."
    world.repo.required_checks = {("Build", None)}
    await refused(world, pr, '"Build" is expected', "whoever runs that check")
    await world.eve.comments(pr, "/merge")
    await pr.settled()
    assert merges(world) == 2
    assert not pr.pull.merged


async def test_a_missing_permission_is_for_a_maintainer(world: World, pr: PullRequest) -> None:
    "The App may not write contents: said, not tried over and over."
    world.github.state.app.permissions["contents"] = "read"
    await refused(world, pr, "Resource not accessible by integration", "a maintainer")


async def test_a_push_forgets_the_refusal(world: World, pr: PullRequest) -> None:
    "New content is reviewed anew."
    world.repo.required_checks = {("Build", None)}
    await refused(world, pr, '"Build" is expected', "whoever runs that check")
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    assert "GitHub does not merge" not in await pr.edited_comment()
    assert pr.labels == {"skill", "triage-follow-up"}


async def test_a_branch_that_moves_at_the_last_moment_is_judged_again(world: World, pr: PullRequest) -> None:
    "GitHub says 409 because it names the commit: the content is the same, so the next look merges it."
    world.github.fail_next("PUT", MERGE, status=409, body='{"message": "Head branch was modified."}')
    await world.apo.comments(pr, "/approve")
    await pr.settled()
    assert not pr.pull.merged
    assert "GitHub does not merge" not in pr.living_comment.body

    await world.ana.pushes(pr, a_good_skill(), force=True, message="Rebased")
    await pr.settled()
    assert pr.pull.merged
    pr.has_been_read()


async def test_a_base_that_moves_at_the_last_moment(world: World, pr: PullRequest) -> None:
    "Somebody else merged in the same moment: tried again on the new base."
    words = '{"message": "Base branch was modified. Review and try the merge again."}'
    world.github.fail_next("PUT", MERGE, status=405, body=words)
    await world.apo.comments(pr, "/approve")
    await pr.settled()
    assert not pr.pull.merged
    await world.github.push_to_default(world.repo, {"README.md": "# Other words\n"})
    await pr.settled()
    assert pr.pull.merged
    pr.has_been_read()


async def test_a_merge_without_an_answer_is_looked_up(world: World, pr: PullRequest) -> None:
    "The connection breaks after GitHub has merged: that is found by reading, and taken for no refusal."
    before = world.repo.head_sha
    world.github.drop_next_response("PUT", MERGE)
    await world.apo.comments(pr, "/approve")
    assert "Merged. Thank you" in await pr.edited_comment()
    assert len(world.repo.store.commits_between(before, world.repo.head_sha)) == 1
    assert "does not merge" not in await why(world, pr)


async def test_a_server_error_is_tried_again_later(world: World, pr: PullRequest) -> None:
    "Nothing was merged: the delivery is tried again, and merges once."
    world.github.fail_next("PUT", MERGE, status=502)
    before = world.repo.head_sha
    await world.apo.comments(pr, "/approve")
    await world.while_time_passes(minutes=1)
    assert pr.pull.merged
    assert len(world.repo.store.commits_between(before, world.repo.head_sha)) == 1
    assert merges(world) == 2
    pr.has_been_read()


async def test_a_limit_is_waited_for(world: World, pr: PullRequest) -> None:
    "GitHub asks us to slow down: not a refusal, only later."
    world.github.fail_next("PUT", MERGE, status=403, headers={"Retry-After": "20"}, body="{}")
    await world.apo.comments(pr, "/approve")
    await world.while_time_passes(minutes=1)
    assert pr.pull.merged
    assert merges(world) == 2
    pr.has_been_read()
