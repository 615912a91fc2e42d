"""Who stands behind what: approvals count for the content that was seen, by whoever may give them."""

from __future__ import annotations

import pytest

from bot.simulator import CommitSpec
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import PullRequest, World
from tests.world.people import a_good_skill
from tests.world.review import gives_powers, sets_policy, triaged, why

MORE_EXAMPLES = {SKILL_PATH: a_skill(seed_examples=6)}
CODE = {"scripts/lint.py": "print('lint')\n"}


@pytest.fixture(autouse=True)
def people(world: World) -> None:
    "Tess and tom are triagers, apo and eve approvers, max and mia maintainers."
    gives_powers(world)


async def test_a_contribution_is_merged_once_an_approver_stands_behind_it(world: World) -> None:
    "Triage, one approver, green checks: the bot merges, and thanks."
    pr = await triaged(world)
    assert "Next: an approver" in pr.living_comment.body

    await world.apo.comments(pr, "/approve")

    assert "Merged. Thank you, `ana`!" in await pr.edited_comment()
    assert pr.pull.merged
    assert pr.pull.merged_by is world.github.state.app.bot
    assert pr.check("Merge readiness").conclusion == "success"
    assert pr.labels == {"skill", "triage-approved"}


async def test_the_order_of_triage_and_approval_does_not_matter(world: World) -> None:
    "An approval waits for the sign-off of triage."
    pr = await world.ana.opens_pr()
    await pr.settled()
    await world.apo.comments(pr, "/approve")
    await pr.settled()
    assert not pr.pull.merged
    assert "Triage has not signed it off yet. Next: a triager." in await why(world, pr)

    await world.tess.comments(pr, "/triage-approve")
    await pr.settled()
    assert pr.pull.merged
    pr.has_been_read()


async def test_one_person_may_sign_off_and_approve(world: World) -> None:
    "Unless the policy wants two people, an approver may do the triage as well; both in one comment."
    pr = await world.ana.opens_pr()
    await pr.settled()
    await world.apo.comments(pr, "/triage-approve\n/approve")
    await pr.settled()
    assert pr.pull.merged
    pr.has_been_read()


async def test_the_policy_may_want_two_people(world: World) -> None:
    "Who signed off triage cannot be the only approver."
    sets_policy(world, "merging:\n  different_people: true\n")
    pr = await world.ana.opens_pr()
    await pr.settled()
    await world.apo.comments(pr, "/triage-approve\n/approve")
    assert "must be two people. Next: an approver." in await why(world, pr)
    assert not pr.pull.merged

    await world.eve.comments(pr, "/approve")
    await pr.settled()
    assert pr.pull.merged
    pr.has_been_read()


async def test_the_policy_may_want_two_approvers(world: World) -> None:
    "One approver twice is one."
    sets_policy(world, "merging:\n  approvals: 2\n")
    pr = await triaged(world)
    assert "2 more approvers" in await why(world, pr)
    await world.apo.comments(pr, "/approve")
    await world.apo.comments(pr, "/approve")
    assert "the approval of an approver" in await why(world, pr)
    assert not pr.pull.merged

    await world.eve.comments(pr, "/approve")
    await pr.settled()
    assert pr.pull.merged
    pr.has_been_read()


async def test_the_policy_may_want_an_evaluation(world: World) -> None:
    "Approved by all, but not measured: not merged."
    sets_policy(world, "merging:\n  needs_evaluation: true\n")
    pr = await triaged(world)
    await world.apo.comments(pr, "/approve")
    assert "It has not been evaluated yet: `/evaluate` does. Next: a triager." in await why(world, pr)
    assert not pr.pull.merged
    assert pr.check("Merge readiness").conclusion == "action_required"


async def test_nobody_approves_the_own_pull_request(world: World) -> None:
    "An approver who is the author needs another one."
    pr = await triaged(world, "apo")
    await world.apo.comments(pr, "/approve")
    assert "This is your own pull request: another approver" in await pr.next_comment()
    assert not pr.pull.merged


async def test_a_contributor_cannot_approve_the_own_pull_request(world: World) -> None:
    "The refusal names who can."
    pr = await triaged(world)
    await world.ana.comments(pr, "/approve")
    assert "Only an approver may do this." in await pr.next_comment()
    assert not pr.pull.merged


@pytest.mark.parametrize("command", ["/approve", "/merge", "/build-ready"])
async def test_triagers_never_merge(world: World, command: str) -> None:
    "Not by approving either."
    pr = await triaged(world)
    await world.tess.comments(pr, command)
    assert "Only an approver may do this." in await pr.next_comment()
    assert not pr.pull.merged


async def test_an_approval_does_not_outlive_a_push(world: World) -> None:
    "New content: triage and approver look again."
    sets_policy(world, "merging:\n  approvals: 2\n")
    pr = await triaged(world)
    await world.apo.comments(pr, "/approve")
    await pr.settled()
    await world.ana.pushes(pr, MORE_EXAMPLES)
    await pr.settled()
    assert pr.labels == {"skill", "triage-follow-up"}

    await world.tess.comments(pr, "/triage-approve")
    await world.eve.comments(pr, "/approve")
    assert "the approval of an approver" in await why(world, pr)
    assert not pr.pull.merged
    pr.has_been_read()


async def test_an_approval_survives_a_rebase_that_changes_nothing(world: World) -> None:
    "The same files under another commit: label and approval stand, and the next approval completes it."
    sets_policy(world, "merging:\n  approvals: 2\n")
    pr = await triaged(world)
    await world.apo.comments(pr, "/approve")
    await pr.settled()
    await world.ana.pushes(pr, a_good_skill(), force=True, message="The same, rebased")
    await pr.settled()
    assert pr.labels == {"skill", "triage-approved"}

    await world.eve.comments(pr, "/approve")
    await pr.settled()
    assert pr.pull.merged
    assert f"Judged at {pr.pull.head_sha}." in world.repo.head_commit.message
    pr.has_been_read()


async def test_two_approvals_at_the_same_moment_merge_once(world: World) -> None:
    "Both are acknowledged; one merge, one thank-you."
    pr = await triaged(world)
    before = world.repo.head_sha
    await world.apo.comments(pr, "/approve")
    await world.eve.comments(pr, "/approve")
    await pr.settled()
    assert pr.pull.merged
    assert len(world.repo.store.commits_between(before, world.repo.head_sha)) == 1
    assert len([c for c in pr.pull.comments if c.by_app and "Merged. Thank you" in c.body]) == 1
    pr.has_been_read()


async def test_an_approval_can_be_taken_back(world: World) -> None:
    "One's own, not that of others."
    sets_policy(world, "merging:\n  approvals: 2\n")
    pr = await triaged(world)
    await world.apo.comments(pr, "/approve")
    await world.eve.comments(pr, "/approve cancel")
    assert "the approval of an approver" in await why(world, pr)
    await world.apo.comments(pr, "/approve cancel")
    assert "2 more approvers" in await why(world, pr)


async def test_an_approval_may_name_its_commit(world: World) -> None:
    "The right one counts, another is refused with the one that is there."
    pr = await triaged(world)
    await world.apo.comments(pr, "/approve 1234567")
    assert f"the branch is at `{pr.pull.head_sha[:7]}` now" in await pr.next_comment()
    assert not pr.pull.merged

    await world.apo.comments(pr, f"/approve {pr.pull.head_sha[:7]}")
    await pr.settled()
    assert pr.pull.merged
    pr.has_been_read()


async def test_an_approval_of_what_has_moved_is_refused(world: World) -> None:
    "The content changed while the approver wrote: nothing is merged unseen."
    pr = await triaged(world)
    await world.stop_bot()
    await world.start_bot(handling=False)
    await world.apo.comments(pr, "/approve")
    await world.clock.advance(minutes=1)
    await world.ana.pushes(pr, MORE_EXAMPLES)
    await world.github.settle()
    await world.stop_bot()
    await world.start_bot()
    assert "The branch moved" in await pr.next_comment()
    assert not pr.pull.merged
    pr.has_been_read()


async def test_a_review_approves_the_commit_it_was_written_for(world: World) -> None:
    "A review of an older commit approves nothing, whatever the head is now."
    sets_policy(world, "merging:\n  approvals: 2\n")
    pr = await triaged(world)
    older = pr.pull.head_sha
    await world.ana.pushes(pr, a_good_skill(), force=True, message="Rebased")
    await pr.settled()
    pr.has_been_read()
    await world.github.review(pr.pull, "apo", "/approve", commit_id=older)
    assert "The branch moved" in await pr.next_comment()

    await world.github.review(pr.pull, "apo", "/approve")
    assert "Done as the review of `apo` asks: `/approve`." in await pr.edited_comment()
    assert "the approval of an approver" in await why(world, pr)


async def test_an_approval_whose_words_are_edited_by_another_falls(world: World) -> None:
    "Somebody else's edit of an approving comment voids it, and it is said."
    sets_policy(world, "merging:\n  approvals: 2\n")
    pr = await triaged(world)
    await world.apo.comments(pr, "/approve")
    await pr.settled()
    comment = pr.pull.comments[-1]
    pr.has_been_read()
    await world.github.edit_comment(comment, "/approve it", by="max")
    assert "The approval of `apo` no longer counts" in await pr.next_comment()
    assert "2 more approvers" in await why(world, pr)


async def test_a_removed_team_member_is_refused_at_once(world: World) -> None:
    "Roles are kept for a minute, but not for an approval."
    sets_policy(world, "teams:\n  approvers: [approvers]\n")
    world.github.create_team("instruct", "approvers", ["bea"])
    pr = await triaged(world)
    await world.bea.comments(pr, "/hold")
    await world.bea.comments(pr, "/unhold")
    await pr.settled()
    pr.has_been_read()
    world.github.remove_team_member("instruct", "approvers", "bea")

    await world.bea.comments(pr, "/approve")

    assert "Only an approver may do this." in await pr.next_comment()
    assert not pr.pull.merged


async def test_an_approval_of_failing_checks_is_refused(world: World) -> None:
    "First the checks, then the approval."
    pr = await world.ana.opens_pr({**a_good_skill(), SKILL_PATH: a_skill(seed_examples=3)})
    await pr.next_comment()
    await world.apo.comments(pr, "/approve")
    assert "have not passed" in await pr.next_comment()


async def test_other_changes_need_two_maintainers(world: World) -> None:
    "None of them the author, and one maintainer twice is one."
    pr = await world.ana.opens_pr(CODE)
    await pr.settled()
    assert "needs `/lgtm` of 2 maintainers. Next: a maintainer." in await why(world, pr)
    await world.max.comments(pr, "/lgtm")
    await world.max.comments(pr, "/lgtm")
    await pr.settled()
    assert not pr.pull.merged
    assert "needs `/lgtm` of one more maintainer" in await why(world, pr)

    await world.mia.comments(pr, "/lgtm")
    await pr.settled()
    assert pr.pull.merged
    thanks = await pr.edited_comment()
    assert "Merged. Thank you" in thanks
    assert "build" not in thanks


async def test_a_maintainer_is_no_judge_of_the_own_change(world: World) -> None:
    "The author's `/lgtm` is refused, and an approver's as well."
    pr = await world.max.opens_pr(CODE)
    await pr.next_comment()
    await world.max.comments(pr, "/lgtm")
    assert "This is your own pull request" in await pr.next_comment()
    await world.apo.comments(pr, "/lgtm")
    assert "Only a maintainer may do this." in await pr.next_comment()


async def test_an_lgtm_can_be_taken_back(world: World) -> None:
    "It counts no longer."
    pr = await world.ana.opens_pr(CODE)
    await pr.settled()
    await world.max.comments(pr, "/lgtm")
    await world.max.comments(pr, "/lgtm cancel")
    await world.mia.comments(pr, "/lgtm")
    assert "one more maintainer" in await why(world, pr)
    assert not pr.pull.merged


async def test_an_lgtm_does_not_outlive_a_push(world: World) -> None:
    "Code that changes after the first look is looked at anew by both."
    pr = await world.ana.opens_pr(CODE)
    await pr.settled()
    await world.max.comments(pr, "/lgtm")
    await pr.settled()
    await world.ana.pushes(pr, {"scripts/lint.py": "print('something else')\n"})
    await world.mia.comments(pr, "/lgtm")
    assert "one more maintainer" in await why(world, pr)
    assert not pr.pull.merged
    pr.has_been_read()


async def test_each_kind_of_change_has_its_own_approval(world: World) -> None:
    "The wrong word is refused, with the right one."
    code = await world.ana.opens_pr(CODE)
    await code.next_comment()
    await world.apo.comments(code, "/approve")
    assert "two maintainers decide, by `/lgtm`" in await code.next_comment()
    skill = await world.bob.opens_pr()
    await skill.next_comment()
    await world.max.comments(skill, "/lgtm")
    assert "an approver decides, by `/approve`" in await skill.next_comment()


async def test_a_mixed_pull_request_needs_both_kinds(world: World) -> None:
    "Approved as a contribution, it still waits for the maintainers."
    pr = await triaged(world, files=a_good_skill() | CODE)
    await world.apo.comments(pr, "/approve")
    assert "It also changes files that are no contribution" in await why(world, pr)
    await world.max.comments(pr, "/lgtm")
    await world.mia.comments(pr, "/lgtm")
    await pr.settled()
    assert pr.pull.merged
    pr.has_been_read()


async def test_a_pull_request_without_files_is_no_way_around(world: World) -> None:
    "Nothing changes: the checks say so, an approver alone is refused."
    pr = await world.ana.opens_pr(commits=[CommitSpec("Nothing at all")])
    assert "no changed files" in await pr.next_comment()
    await world.apo.comments(pr, "/approve")
    assert "have not passed" in await pr.next_comment()
    await world.max.comments(pr, "/lgtm")
    await world.mia.comments(pr, "/lgtm")
    assert "The checks fail" in await why(world, pr)
    assert not pr.pull.merged


async def test_every_approval_is_written_down(world: World) -> None:
    "Actor, commit and result, also of what was refused."
    pr: PullRequest = await triaged(world)
    await world.tess.comments(pr, "/approve")
    await world.apo.comments(pr, "/approve")
    await pr.settled()
    entries = [(e.actor, e.act, e.result, e.sha) for e in await world.audit_of(pr)]
    head = pr.pull.head_sha
    assert entries[-3:] == [
        ("tess", "/approve", "refused", head),
        ("apo", "/approve", "done", head),
        ("taxonomy-bot", "merge", "done", head),
    ]
    pr.has_been_read()
