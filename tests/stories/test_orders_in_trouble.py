"""Orders that meet trouble: a deleted comment, a lost answer, a refusal of GitHub's, a report that lags behind."""

from __future__ import annotations

import pytest

from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import PullRequest, World
from tests.world.people import a_good_skill
from tests.world.review import gives_powers


@pytest.fixture
async def pr(world: World) -> PullRequest:
    "A pull request of ana's that passed its checks."
    gives_powers(world)
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    return pr


async def test_a_comment_that_was_deleted_meanwhile_still_counts(world: World, pr: PullRequest) -> None:
    "There is nothing left to react to; the order is carried out and reported all the same."
    await world.stop_bot()
    await world.start_bot(handling=False)
    comment = await world.github.comment(pr.pull, "tess", "/hold")
    await world.github.settle()
    await world.github.delete_comment(comment)
    await world.github.settle()
    await world.stop_bot()
    await world.start_bot()
    await world.while_time_passes(seconds=10)
    assert "Merging is held up by hand" in await pr.edited_comment()
    assert "hold" in pr.labels


async def test_a_comment_that_github_does_not_find_yet_is_answered_in_the_end(
    world: World, pr: PullRequest
) -> None:
    "For a moment GitHub denies what was written a moment ago."
    world.github.fail_next("POST", r"/issues/comments/\d+/reactions$", status=404, times=2)
    comment = await world.github.comment(pr.pull, "tess", "/hold")
    await world.while_time_passes(seconds=10)
    assert set(comment.reactions) == {"+1"}
    pr.has_been_read()


async def test_what_is_merged_is_not_opened_again(world: World, pr: PullRequest) -> None:
    "Its author is told so."
    await world.github.merge_pull(pr.pull, by="max")
    await pr.settled()
    pr.has_been_read()
    await world.ana.comments(pr, "/reopen")
    assert "This pull request is merged; it cannot be opened again." in await pr.next_comment()


async def test_what_github_refuses_is_a_refusal(world: World, pr: PullRequest) -> None:
    "In GitHub's words, which have no effect; what stands beside it in the same comment is done."
    await world.ana.comments(pr, "/close")
    await pr.settled()
    pr.has_been_read()
    words = '{"message": "The @instruct/all branch has been deleted."}'
    world.github.fail_next("PATCH", r"/pulls/1$", status=422, body=words)
    await world.tess.comments(pr, "/reopen\n/label odd")
    answer = await pr.next_comment()
    assert "`/reopen`: GitHub refuses this: `GitHub answered 422" in answer
    assert [(e.act, e.result) for e in await world.audit_of(pr)][1:] == [("/reopen", "refused"), ("/label", "done")]
    assert pr.pull.state == "closed"


async def test_an_order_whose_answer_got_lost_is_no_refusal(world: World, pr: PullRequest) -> None:
    "GitHub closed it, but we never learned: trying again finds it closed, which is what was asked for."
    world.github.drop_next_response("PATCH", r"/pulls/1$")
    await world.ana.comments(pr, "/close")
    await world.while_time_passes(minutes=5)
    assert pr.pull.state == "closed"
    assert [(e.act, e.result) for e in await world.audit_of(pr)] == [("/close", "done")]
    (comment,) = [c for c in pr.pull.comments if not c.by_app]
    assert set(comment.reactions) == {"+1"}
    pr.has_been_read()


async def test_an_order_that_github_failed_is_carried_out_by_the_next_try(world: World, pr: PullRequest) -> None:
    "What was begun and not done is done, and written down once."
    world.github.fail_next("PATCH", r"/pulls/1$", status=502)
    await world.ana.comments(pr, "/close")
    await world.while_time_passes(minutes=5)
    assert pr.pull.state == "closed"
    assert [(e.act, e.result) for e in await world.audit_of(pr)] == [("/close", "done")]
    pr.has_been_read()


async def test_commands_see_what_the_one_before_them_accepted(world: World) -> None:
    "A maintainer accepts a finding, signs off and approves, all in one comment."
    gives_powers(world)
    pr = await world.ana.opens_pr({**a_good_skill(), SKILL_PATH: a_skill(seed_examples=3)})
    await pr.next_comment()
    await world.max.comments(pr, "/override counts because two more will come\n/triage-approve\n/approve")
    await pr.settled()
    assert "triage-approved" in pr.labels, pr.thread()
    assert {e.result for e in await world.audit_of(pr)} == {"done"}
    pr.has_been_read()


async def test_a_closed_pull_request_is_not_checked(world: World, pr: PullRequest) -> None:
    "Whoever asks for it reads why nothing happens."
    await world.ana.comments(pr, "/close")
    await pr.settled()
    pr.has_been_read()
    await world.ana.comments(pr, "/check")
    assert "This pull request is closed: there is nothing to check." in await pr.next_comment()
