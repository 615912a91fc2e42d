"""Triagers steer with commands; everybody else is told, kindly, who can."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.commands.registry import all_commands
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import PullRequest, World
from tests.world.people import a_good_skill


@pytest.fixture
async def pr(world: World) -> PullRequest:
    "A pull request of ana's that passed its checks; tess is a triager, apo an approver, max a maintainer."
    world.repo.permissions |= {"tess": "triage", "apo": "push", "max": "maintain"}
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    return pr


async def reactions_to_the_last_comment(pr: PullRequest) -> set[str]:
    await pr.settled()
    last = [c for c in pr.pull.comments if not c.by_app][-1]
    return {content for content, people in last.reactions.items() if people}


async def test_a_triager_signs_off(world: World, pr: PullRequest) -> None:
    "The label says who acts next, and the comment is acknowledged without another word."
    await world.tess.comments(pr, "Nice work!\n\n/triage-approve")
    assert await reactions_to_the_last_comment(pr) == {"+1"}
    assert pr.labels == {"skill", "triage-approved"}
    assert "Next: an approver" in await pr.edited_comment()


async def test_an_outsider_is_told_who_can(world: World, pr: PullRequest) -> None:
    "Nothing happens, and the refusal names the role that is needed."
    await world.mallory.comments(pr, "/triage-approve")
    assert "Only a triager may do this." in await pr.next_comment()
    assert pr.labels == {"skill", "triage-needed"}
    assert await reactions_to_the_last_comment(pr) == {"confused"}


async def test_nobody_signs_off_the_own_work(world: World, pr: PullRequest) -> None:
    "A triager who is the author needs another triager."
    world.repo.permissions["ana"] = "triage"
    await world.ana.comments(pr, "/triage-approve")
    assert "another triager" in await pr.next_comment()
    assert "triage-approved" not in pr.labels


async def test_a_sign_off_does_not_outlive_a_push(world: World, pr: PullRequest) -> None:
    "New content: triage looks again."
    await world.tess.comments(pr, "/triage-approve")
    await pr.settled()
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await pr.settled()
    assert pr.labels == {"skill", "triage-follow-up"}
    pr.has_been_read()


async def test_a_sign_off_survives_a_rebase_that_changes_nothing(world: World, pr: PullRequest) -> None:
    "The same files under another commit: what was signed off is still what is there."
    await world.tess.comments(pr, "/triage-approve")
    await pr.settled()
    await world.ana.pushes(pr, a_good_skill(), force=True, message="The same, rebased")
    await pr.settled()
    assert pr.labels == {"skill", "triage-approved"}
    pr.has_been_read()


async def test_a_sign_off_of_failing_checks_is_refused(world: World, pr: PullRequest) -> None:
    "Triage cannot sign off what the checks refuse."
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=3)})
    await pr.next_comment()
    await world.tess.comments(pr, "/triage-approve")
    assert "have not passed" in await pr.next_comment()


async def test_a_command_counts_only_for_what_its_writer_can_have_seen(world: World, pr: PullRequest) -> None:
    "The branch moves while the triager writes: look again."
    await world.stop_bot()
    await world.start_bot(handling=False)
    await world.tess.comments(pr, "/triage-approve")
    await world.clock.advance(minutes=1)
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await world.github.settle()
    await world.stop_bot()
    await world.start_bot()
    assert "The branch moved" in await pr.next_comment()
    assert "triage-approved" not in pr.labels
    pr.has_been_read()


async def test_several_commands_are_carried_out_in_order(world: World, pr: PullRequest) -> None:
    "One comment, three commands, one acknowledgement."
    await world.tess.comments(pr, "/hold\n/label good-first-contribution\n/assign")
    assert await reactions_to_the_last_comment(pr) == {"+1"}
    assert pr.labels == {"skill", "triage-needed", "hold", "good-first-contribution"}
    assert pr.pull.assignees == ["tess"]
    assert "Merging is held up by hand" in await pr.edited_comment()


async def test_holding_and_lifting_are_for_triagers(world: World, pr: PullRequest) -> None:
    "An author who wants to wait marks a draft; a hold could not be lifted by the author again."
    await world.ana.comments(pr, "/hold")
    assert "Only a triager may do this." in await pr.next_comment()
    await world.tess.comments(pr, "/hold")
    assert "Merging is held up by hand" in await pr.edited_comment()
    await world.ana.comments(pr, "/unhold")
    assert "Only a triager may do this." in await pr.next_comment()
    assert "hold" in pr.labels


async def test_a_mistyped_command_gets_a_suggestion(world: World, pr: PullRequest) -> None:
    "The nearest command is named."
    await world.tess.comments(pr, "/triage-aprove")
    assert "Did you mean `/triage-approve`?" in await pr.next_comment()


async def test_quoted_commands_do_nothing_at_all(world: World, pr: PullRequest) -> None:
    "Neither a reaction nor a reply nor a label."
    await world.tess.comments(pr, "> /triage-approve\n\n```\n/hold\n```\n\n`/reject x` is what I would not write")
    assert await reactions_to_the_last_comment(pr) == set()
    assert pr.labels == {"skill", "triage-needed"}


async def test_an_edited_comment_never_runs(world: World, pr: PullRequest) -> None:
    "Only what was written at first counts."
    comment = await world.github.comment(pr.pull, "tess", "Looks good.")
    await world.github.edit_comment(comment, "/triage-approve")
    await pr.settled()
    assert pr.labels == {"skill", "triage-needed"}


async def test_bots_never_command(world: World, pr: PullRequest) -> None:
    "Neither another bot nor our own comments."
    world.github.create_user("helper[bot]", kind="Bot")
    world.repo.permissions["helper[bot]"] = "admin"
    await world.github.comment(pr.pull, "helper[bot]", "/triage-approve")
    await pr.settled()
    assert pr.labels == {"skill", "triage-needed"}


async def test_a_triager_asks_for_a_change(world: World, pr: PullRequest) -> None:
    "The author is told in a comment of its own, and the living comment says whose turn it is."
    await world.tess.comments(pr, "/request-changes please name your source")
    assert "please name your source" in await pr.next_comment()
    assert "a triager asks for a change. Next: you" in await pr.edited_comment()
    assert pr.labels == {"skill", "triage-requested-changes"}
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    assert "who looks again" in await pr.edited_comment()
    assert pr.labels == {"skill", "triage-follow-up"}


async def test_a_rejection_needs_a_reason(world: World, pr: PullRequest) -> None:
    "Without a reason it is refused; with one the author reads it, kindly put."
    await world.tess.comments(pr, "/reject")
    assert "needs a reason" in await pr.next_comment()
    await world.tess.comments(pr, "/reject the model knows this; ping @instruct/everyone")
    reply = await pr.next_comment()
    assert "Thank you for the work" in reply
    assert "@instruct/everyone" not in reply
    assert pr.labels == {"skill", "triage-rejected"}
    assert "Next: an approver, who closes it" in await pr.edited_comment()


async def test_a_topic_that_is_not_taken_has_ready_words(world: World, pr: PullRequest) -> None:
    "The label and a kind text; an unknown topic lists the known ones."
    await world.tess.comments(pr, "/topic maths")
    assert "This topic is not taken" in await pr.next_comment()
    assert pr.labels == {"skill", "triage-rejected", "topic-failure"}
    assert "Triage cannot accept this" in await pr.edited_comment()
    await world.tess.comments(pr, "/topic weather")
    assert "one of: humour, maths" in await pr.next_comment()


async def test_state_labels_are_not_set_by_hand_through_label(world: World, pr: PullRequest) -> None:
    "`/label triage-approved` is refused with the command that does it."
    await world.tess.comments(pr, "/label triage-approved")
    assert "write `/triage-approve`" in await pr.next_comment()


async def test_help_lists_what_the_asker_may_use(world: World, pr: PullRequest) -> None:
    "An outsider sees less than a triager."
    await world.mallory.comments(pr, "/help")
    assert "/reject" not in await pr.next_comment()
    await world.tess.comments(pr, "/help")
    assert "/reject REASON" in await pr.next_comment()


async def test_status_and_explain_answer_anybody(world: World, pr: PullRequest) -> None:
    "How it stands, and why a rule exists."
    await world.mallory.comments(pr, "/status")
    status = await pr.next_comment()
    assert "Triage has not signed it off yet. Next: a triager." in status
    assert "It needs the approval of an approver" in status
    await world.mallory.comments(pr, "/explain dco")
    assert "signed off" in await pr.next_comment()


async def test_the_author_may_ask_for_a_new_check(world: World, pr: PullRequest) -> None:
    "New runs are posted for the same commit."
    await world.ana.comments(pr, "/check")
    await pr.settled()
    assert [run.name for run in pr.checks()] == ["Contribution", "Sign-off", "Merge readiness"] * 2


async def test_close_reopen_and_retitle(world: World, pr: PullRequest) -> None:
    "The author may; everybody may read it in the pull request itself."
    await world.ana.comments(pr, "/retitle Shorten a sentence")
    await pr.settled()
    assert pr.pull.title == "Shorten a sentence"
    await world.ana.comments(pr, "/close")
    await pr.settled()
    assert pr.pull.state == "closed"
    await world.ana.comments(pr, "/reopen")
    await pr.settled()
    assert pr.pull.state == "open"


async def test_the_other_commands_of_triagers(world: World, pr: PullRequest) -> None:
    "Each does what its page says, and only for triagers."
    await world.tess.comments(pr, "/uncertain\n/cc @max\n/label odd\n/unlabel odd\n/unassign")
    assert "For your attention: @max" in await pr.next_comment()
    assert "the triage team, who talk it over" in await pr.edited_comment()
    await world.tess.comments(pr, "/legal-hold")
    assert "Next: a maintainer" in await pr.edited_comment()
    assert pr.labels == {"skill", "triage-uncertain", "legal-hold"}
    for command in ("/uncertain", "/legal-hold", "/cc @max", "/label odd", "/unlabel odd", "/assign", "/unassign"):
        await world.mallory.comments(pr, command)
        assert "Only a triager may do this." in await pr.next_comment()


async def test_the_author_calls_a_person(world: World, pr: PullRequest) -> None:
    "The question is passed on; somebody else's is refused."
    await world.ana.comments(pr, "/question which licence fits a text of my own?")
    assert "the author has a question: which licence" in await pr.next_comment()
    await world.mallory.comments(pr, "/question why?")
    assert "Only the author or a triager may do this." in await pr.next_comment()


def test_every_command_has_a_story() -> None:
    "No command is published that no story tells of."
    told = "\n".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    assert [name for name in all_commands() if not re.search(rf"(?<![\w.])/{name}(?![\w-])", told)] == []


async def test_teams_of_the_policy_count(world: World, pr: PullRequest) -> None:
    "A member of the triage team may, until removed from it; an empty team admits nobody."
    await world.github.push_to_default(world.repo, {".github/taxonomy-bot.yml": "teams: {triagers: [triage]}\n"})
    world.github.create_team("instruct", "triage", ["tim"])
    await world.tim.comments(pr, "/hold")
    assert "Merging is held up by hand" in await pr.edited_comment()
    assert "hold" in pr.labels

    world.github.remove_team_member("instruct", "triage", "tim")
    await world.clock.advance(minutes=2)
    await world.tim.comments(pr, "/unhold")
    assert "Only a triager may do this." in await pr.next_comment()


async def test_a_review_commands_too(world: World, pr: PullRequest) -> None:
    "A submitted review counts for the commit it was written for."
    await world.github.review(pr.pull, "tess", "/triage-approve")
    assert "Next: an approver" in await pr.edited_comment()
    assert pr.labels == {"skill", "triage-approved"}


async def test_a_hundred_comments_are_handled_in_order(world: World, pr: PullRequest) -> None:
    "A burst ends in one state, with one reply to each that needed one."
    for n in range(50):
        await world.tess.comments(pr, "/hold")
        await world.tess.comments(pr, "/unhold" if n < 49 else "/unhld")
    await world.while_time_passes(hours=2)
    assert "hold" in pr.labels
    assert "Did you mean `/unhold`?" in await pr.next_comment()
    assert "Merging is held up by hand" in await pr.edited_comment()


async def test_a_command_whose_answer_got_lost_is_answered_once(world: World, pr: PullRequest) -> None:
    "GitHub wrote the reply, but we never learned; trying again writes no second one."
    world.github.drop_next_response("POST", r"/issues/1/comments$")
    await world.mallory.comments(pr, "/hold")
    await world.while_time_passes(minutes=5)
    assert "may do this" in await pr.next_comment()


async def test_everything_is_written_down(world: World, pr: PullRequest) -> None:
    "Who, in which role, what, at which commit, and what came of it."
    await world.tess.comments(pr, "/hold for the source\n/reject")
    await pr.next_comment()
    await pr.edited_comment()
    entries = await world.audit_of(pr)
    assert [(e.actor, e.role, e.act, e.arguments, e.result) for e in entries] == [
        ("tess", "triager", "/hold", "for the source", "done"),
        ("tess", "triager", "/reject", "", "refused"),
    ]
    assert {e.sha for e in entries} == {pr.pull.head_sha}
