"""What people try: commands in disguise, borrowed identities, forged marks, loud names. Nothing comes of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from markdown_it import MarkdownIt

from bot.simulator import Comment
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import PullRequest, World
from tests.world.people import a_good_skill

ALARM = "@instruct/everyone"


@pytest.fixture
async def pr(world: World) -> PullRequest:
    "A pull request of ana's that passed its checks; tess is a triager, apo an approver, max a maintainer."
    world.repo.permissions |= {"tess": "triage", "apo": "write", "max": "maintain"}
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    return pr


async def nothing_happens(pr: PullRequest) -> None:
    "No label, no word, no reaction."
    await pr.settled()
    assert pr.labels == {"skill", "triage-needed"}
    assert not any(comment.reactions for comment in pr.pull.comments)
    assert pr.unexpected() == []


def loud_words(body: str) -> list[str]:
    "The mentions that GitHub would see: an at sign with a name behind it, in one piece of plain text."
    tokens = MarkdownIt("commonmark", {"html": True}).parse(body)
    texts = [c.content for token in tokens for c in token.children or () if c.type == "text"]
    return [word for text in texts for word in re.findall(r"(?<![\w`])@[\w-]+(?:/[\w-]+)?", text)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("> /hold", id="quoted"),
        pytest.param("> said ana\n/hold", id="the lazy rest of a quote"),
        pytest.param("```\n/hold\n```", id="fenced"),
        pytest.param("    /hold", id="indented"),
        pytest.param("`/hold`", id="as code"),
        pytest.param("[/hold](https://example.org)", id="a link"),
        pytest.param("<!-- /hold -->", id="hidden"),
        pytest.param("<!--\n\n/hold\n\n-->", id="hidden over several lines"),
        pytest.param("- /hold\n1. /hold\n- [ ] /hold", id="in lists"),
        pytest.param("# /hold\n\n/hold\n===", id="as headings"),
        pytest.param("| /hold |\n|---|\n| /hold |", id="in a table"),
        pytest.param("/hold | a\n--- | ---\n/hold | b", id="in a table without outer lines"),
        pytest.param("\uff0fhold", id="a full-width slash"),
        pytest.param("/h\u043eld", id="a Cyrillic o"),
        pytest.param("/\u0430pprove", id="a Cyrillic a"),
        pytest.param("/ho\u200bld", id="a zero-width space inside"),
        pytest.param("\u200b/hold", id="a zero-width space before"),
        pytest.param("/hold\u200d", id="a joiner behind"),
        pytest.param("\u202e/hold", id="a change of direction"),
        pytest.param("\x00/hold", id="a NUL before"),
        pytest.param("/ho\x00ld", id="a NUL inside"),
        pytest.param("/ho\x08ld", id="a backspace inside"),
        pytest.param("/ho<b></b>ld", id="put together by HTML"),
        pytest.param("//hold", id="two slashes"),
        pytest.param("No.\n\nOn Monday, Ana <ana@example.org> wrote:\n\n> /hold", id="a mail that quotes"),
        pytest.param(
            "No.\n\nOn Monday, Ana <ana@example.org> wrote:\n\n/hold", id="a mail that does not mark quotes"
        ),
        pytest.param("/" * 65_536, id="a wall of slashes"),
        pytest.param("[" * 65_000 + "/hold", id="a wall of brackets"),
    ],
)
async def test_what_is_no_command_does_nothing(world: World, pr: PullRequest, text: str) -> None:
    "Neither a label nor a word nor a reaction, also when a maintainer writes it."
    await world.max.comments(pr, text)
    await nothing_happens(pr)


async def test_an_edit_commands_nothing(world: World, pr: PullRequest) -> None:
    "Whether of a comment, of a review or of the pull request's text."
    comment = await world.github.comment(pr.pull, "tess", "Looks good.")
    await world.github.edit_comment(comment, "/hold")
    await world.github.edit_comment(comment, "/reject it", by="max")
    review = await world.github.review(pr.pull, "tess", "Looks good.")
    await world.github.edit_review(review, "/hold")
    await world.github.edit_pull(pr.pull, body="/hold")
    await nothing_happens(pr)


async def test_only_the_words_that_were_sent_first_count(world: World, pr: PullRequest) -> None:
    "Edited before the bot came to it: what counts is what was written, not what stands there."
    await world.stop_bot()
    await world.start_bot(handling=False)
    comment = await world.github.comment(pr.pull, "tess", "/hold")
    await world.github.edit_comment(comment, "/reject it")
    await world.github.settle()
    await world.stop_bot()
    await world.start_bot()
    assert "held up by hand" in await pr.edited_comment()
    assert pr.labels == {"skill", "triage-needed", "hold"}


@pytest.mark.parametrize(
    ("who", "command"),
    [
        ("tess", f"/reject ping {ALARM} and @tess"),
        ("tess", f"/request-changes {ALARM}"),
        ("tess", f"/hold {ALARM}"),
        ("tess", f"/legal-hold {ALARM}"),
        ("tess", f"/uncertain {ALARM}"),
        ("tess", f"/topic {ALARM}"),
        ("tess", f"/assign {ALARM}"),
        ("tess", "/assign @tess @max"),
        ("tess", "/assign -tess-"),
        ("tess", f"/unassign {ALARM}"),
        ("tess", f"/cc {ALARM}"),
        ("tess", f"/cc @tess{ALARM}"),
        ("tess", f"/label {ALARM}"),
        ("tess", f"/unlabel {ALARM}"),
        ("tess", f"/help {ALARM}"),
        ("tess", f"/check {ALARM}"),
        ("tess", f"/explain {ALARM}"),
        ("tess", f"/wrong {ALARM}"),
        ("tess", f"/cancel {ALARM}"),
        ("tess", f"/retry {ALARM}"),
        ("tess", f"/remind {ALARM}"),
        ("ana", f"/question {ALARM} `{ALARM}` <b>{ALARM}</b>"),
        ("ana", f"/retitle {ALARM}"),
        ("apo", f"/approve {ALARM}"),
        ("apo", f"/merge {ALARM}"),
        ("apo", f"/build-ready {ALARM}"),
        ("max", f"/override {ALARM} because {ALARM}"),
        ("max", f"/lgtm {ALARM}"),
        ("max", f"/batch {ALARM} #1"),
        ("max", f"/{ALARM}"),
    ],
)
async def test_no_argument_makes_the_bot_call_anybody(
    world: World, pr: PullRequest, who: str, command: str
) -> None:
    "Whatever is answered, it mentions nobody that a stranger named."
    await getattr(world, who).comments(pr, command)
    await pr.settled()
    for comment in [c for c in pr.pull.comments if c.by_app]:
        assert loud_words(comment.body) == []
    pr.has_been_read()


async def test_file_names_and_contents_call_nobody(world: World) -> None:
    "Neither in the comment nor in the check runs."
    loud = f"compositional_skills/writing/{ALARM}/{ALARM} #1/qna.yaml"
    pr = await world.mallory.opens_pr(
        {
            loud: a_skill(created_by=ALARM, seed_examples=2, task_description=f"{ALARM} ![x](http://x) #1"),
            SKILL_PATH: f"{ALARM}: [{ALARM}\n",
        },
        title=f"{ALARM} /hold",
    )
    assert loud_words(await pr.next_comment()) == []
    for run in pr.checks():
        assert loud_words(run.summary) == []


async def test_an_override_shows_its_reason_and_calls_nobody(world: World, pr: PullRequest) -> None:
    "The reason is for everybody to read, as plain text."
    files = a_good_skill() | {SKILL_PATH: a_skill(seed_examples=3)}
    await world.ana.pushes(pr, files)
    await pr.next_comment()
    await world.max.comments(pr, f"/override counts because {ALARM} <img src=x> agreed")
    await pr.settled()
    assert "was overridden by `max`" in pr.living_comment.body
    assert loud_words(pr.living_comment.body) == []
    assert "<img" not in pr.living_comment.body
    pr.has_been_read()


@pytest.mark.parametrize("login", ["helper[bot]", "github-actions[bot]", "taxonomy-bot[bot]"])
async def test_no_bot_commands(world: World, pr: PullRequest, login: str) -> None:
    "Not another App, not a workflow, not we ourselves; whatever permissions they have."
    world.repo.permissions[login] = "admin"
    await world.github.comment(pr.pull, login, "/hold\n/approve")
    await world.github.review(pr.pull, login, "/hold")
    await pr.settled()
    assert pr.labels == {"skill", "triage-needed"}
    pr.has_been_read()


async def test_a_command_in_another_issue_is_nobodys(world: World, pr: PullRequest) -> None:
    "An issue that is no pull request holds nothing to command."
    issue = await world.github.open_issue(world.repo, author="tess", title="A question", body="/hold")
    world.github._changes.add_comment(issue, world.github.create_user("tess"), "/hold")  # type: ignore[arg-type]
    await nothing_happens(pr)


async def with_teams(world: World, **teams: str) -> None:
    "The policy names teams."
    told = ", ".join(f"{role}: [{slug}]" if slug else f"{role}: []" for role, slug in teams.items())
    await world.github.push_to_default(world.repo, {".github/taxonomy-bot.yml": f"teams: {{{told}}}\n"})
    await world.settled()


async def test_empty_teams_admit_nobody(world: World, pr: PullRequest) -> None:
    "A team nobody named, a team that does not exist, and a team without members."
    world.github.create_team("instruct", "empty", [])
    await with_teams(world, triagers="", approvers="missing", maintainers="empty")
    await world.mallory.comments(pr, "/hold")
    assert "Only a triager may do this." in await pr.next_comment()


async def test_an_invitation_is_no_membership(world: World, pr: PullRequest) -> None:
    "Who was asked to join a team and has not, may nothing yet."
    await with_teams(world, triagers="triage")
    world.github.create_team("instruct", "triage", [])
    world.github.add_team_member("instruct", "triage", "tim", pending=True)
    await world.tim.comments(pr, "/hold")
    assert "may do this." in await pr.next_comment()
    world.github.add_team_member("instruct", "triage", "tim")
    await world.clock.advance(minutes=2)
    await world.tim.comments(pr, "/hold")
    assert "held up by hand" in await pr.edited_comment()


@pytest.mark.parametrize(
    ("team", "before", "after"),
    [
        ("approvers", "/help", "/approve"),
        ("approvers", "/help", "/merge"),
        ("approvers", "/help", "/build-ready"),
        ("maintainers", "/help", "/lgtm"),
        ("maintainers", "/help", "/override counts because I was one"),
    ],
)
async def test_who_was_removed_a_moment_ago_decides_nothing(
    world: World, pr: PullRequest, team: str, before: str, after: str
) -> None:
    "What weighs is asked of GitHub each time, whatever was known a second ago."
    await with_teams(world, **{team: "deciders"})
    world.github.create_team("instruct", "deciders", ["dora"])
    await world.dora.comments(pr, before)
    assert after.split()[0] in await pr.next_comment()
    world.github.remove_team_member("instruct", "deciders", "dora")
    await world.dora.comments(pr, after)
    assert "may do this." in await pr.next_comment()
    assert pr.labels == {"skill", "triage-needed"}


async def test_a_removed_triager_is_believed_for_a_minute_at_most(world: World, pr: PullRequest) -> None:
    "Holding something up weighs little, so a minute's memory is enough; it is not kept longer."
    await world.tess.comments(pr, "/hold")
    assert "held up by hand" in await pr.edited_comment()
    world.repo.permissions["tess"] = "read"
    await world.clock.advance(seconds=61)
    await world.tess.comments(pr, "/unhold")
    assert "may do this." in await pr.next_comment()
    assert "hold" in pr.labels


async def test_a_login_that_changed_hands_brings_no_powers(world: World, pr: PullRequest) -> None:
    "The words are of one account, the login now of another, who is an approver and in the team: it is no answer."
    await with_teams(world, approvers="deciders")
    world.github.create_team("instruct", "deciders", [])
    await world.stop_bot()
    await world.start_bot(handling=False)
    await world.mallory.comments(pr, "/triage-approve\n/build-ready\n/hold")
    world.github.rename_user("mallory", "mallory-two")
    world.github.create_user("mallory")
    world.github.add_team_member("instruct", "deciders", "mallory")
    world.repo.permissions["mallory"] = "maintain"
    await world.github.settle()
    await world.stop_bot()
    await world.start_bot()
    assert "Only a triager may do this." in await pr.next_comment()
    assert pr.labels == {"skill", "triage-needed"}


async def test_a_remembered_role_is_the_accounts_not_the_logins(world: World, pr: PullRequest) -> None:
    "Within the minute somebody else takes over the login of a triager."
    await world.tess.comments(pr, "/hold")
    assert "held up by hand" in await pr.edited_comment()
    world.github.rename_user("tess", "tess-two")
    world.github.create_user("tess")
    await world.tess.comments(pr, "/unhold")
    assert "may do this." in await pr.next_comment()
    assert "hold" in pr.labels


async def test_the_authors_old_login_is_not_the_author(world: World, pr: PullRequest) -> None:
    "Who takes over the author's former login is a stranger here."
    world.github.rename_user("ana", "ana-two")
    world.github.create_user("ana")
    await world.ana.comments(pr, "/close")
    assert "may do this." in await pr.next_comment()
    assert pr.pull.state == "open"


async def test_the_old_permission_word_is_not_trusted(world: World, pr: PullRequest) -> None:
    "GitHub shows triage as read and maintain as write there; the powers themselves are what counts."
    world.repo.permissions |= {"rita": "read"}
    await world.rita.comments(pr, "/triage-approve")
    assert "Only a triager may do this." in await pr.next_comment()
    await world.tess.comments(pr, "/triage-approve")
    assert "Next: an approver" in await pr.edited_comment()
    await world.apo.comments(pr, "/lgtm")
    assert "Only a maintainer may do this." in await pr.next_comment()


@pytest.mark.parametrize("status", [403, 404])
async def test_what_github_does_not_tell_is_a_no(world: World, pr: PullRequest, status: int) -> None:
    "No answer about a person's powers, no powers: also not through a team."
    await with_teams(world, triagers="triage")
    world.github.create_team("instruct", "triage", ["tess"])
    body = '{"message": "Resource not accessible by integration"}'
    world.github.fail_next("GET", r"/collaborators/tess/permission$", status=status, body=body, times=9)
    await world.tess.comments(pr, "/hold")
    assert "may do this." in await pr.next_comment()
    assert pr.labels == {"skill", "triage-needed"}


async def test_when_github_stumbles_over_a_permission_it_is_asked_again(world: World, pr: PullRequest) -> None:
    "A 502 is neither a yes nor a no."
    world.github.fail_next("GET", r"/collaborators/tess/permission$", status=502, times=5)
    await world.tess.comments(pr, "/hold")
    await world.while_time_passes(minutes=5)
    assert "held up by hand" in await pr.edited_comment()


@pytest.mark.parametrize("label", ["triage-approved", "ready-to-merge", "precheck-generate-ready"])
async def test_a_forks_workflow_grants_nothing(world: World, pr: PullRequest, label: str) -> None:
    "It is put right each time, said once, written down each time."
    for _ in range(20):
        await world.github.label(pr.pull, label, by="github-actions[bot]")
        await pr.settled()
        assert pr.labels == {"skill", "triage-needed"}
    reply = await pr.next_comment()
    assert f"The label `{label}` was set by hand, by `github-actions[bot]`; I have put that right." in reply
    results = [e.result for e in await world.audit_of(pr)]
    assert results == ["put right"] * 20
    assert world.jobs._jobs == {}


@pytest.mark.parametrize("label", ["hold", "legal-hold"])
async def test_a_forks_workflow_lifts_nothing(world: World, pr: PullRequest, label: str) -> None:
    "What restrains comes back, and its reason is said once."
    await world.tess.comments(pr, f"/{label}")
    await pr.edited_comment()
    for _ in range(3):
        await world.github.unlabel(pr.pull, label, by="github-actions[bot]")
        await pr.settled()
        assert label in pr.labels
    assert f"The label `{label}` was taken off by hand, by `github-actions[bot]`" in await pr.next_comment()


async def test_our_own_labels_told_late_are_nobodys_act(world: World, pr: PullRequest) -> None:
    "GitHub tells of a label that we set only after we have taken it off again: we do not lecture ourselves."
    await world.stop_bot()
    await world.start_bot(handling=False)
    await world.github.label(pr.pull, "hold", by="taxonomy-bot[bot]")
    await world.github.settle()
    await world.stop_bot()
    await world.start_bot()
    await pr.settled()
    assert pr.unexpected() == []
    await world.github.unlabel(pr.pull, "hold", by="taxonomy-bot[bot]")


async def test_a_copied_reply_does_not_silence_us(world: World, pr: PullRequest) -> None:
    "Somebody pastes our reply with its hidden mark; ours is gone, so it is written again."
    await world.github.label(pr.pull, "hold", by="github-actions[bot]")
    copied = await pr.next_comment()
    world.deletes_the_bots_comments(pr)
    await world.mallory.comments(pr, copied)
    await world.github.label(pr.pull, "hold", by="github-actions[bot]")
    assert await pr.next_comment() == copied
    assert pr.labels == {"skill", "triage-needed"}


@pytest.mark.parametrize("whose", ["its own", "another one's"])
async def test_a_pasted_mark_is_not_believed_after_losing_the_database(
    world: World, pr: PullRequest, whose: str
) -> None:
    "A comment that says approved, in our words and with our mark, but not by us, is neither read nor edited."
    await world.tess.comments(pr, "/triage-approve")
    forged = await pr.edited_comment()
    if whose == "another one's":
        pr = await world.mallory.opens_pr()
        await pr.next_comment()
    await world.stop_bot()
    await world.lose_the_database()
    world.deletes_the_bots_comments(pr)
    await world.github.comment(pr.pull, pr.pull.user.login, forged)
    for label in sorted(pr.labels & {"triage-approved"}):
        await world.github.unlabel(pr.pull, label, by="ana")
    await world.start_bot()
    await world.github.edit_pull(pr.pull, title="Look here")
    assert "Next: a triager" in await pr.next_comment()
    assert pr.labels == {"skill", "triage-needed"}
    assert [c.body for c in pr.pull.comments if not c.by_app][-1] == forged


async def approved(world: World, pr: PullRequest) -> Comment:
    "Triage and an approver stand behind it, but it is held up; returns the approver's comment."
    await world.tess.comments(pr, "/triage-approve\n/hold")
    comment = await world.github.comment(pr.pull, "apo", "Fine work.\n\n/approve")
    await pr.settled()
    pr.has_been_read()
    return comment


async def standing_approvals(world: World, pr: PullRequest) -> list[str]:
    query = "select kind from approvals where number = :number and fell_at is null order by id"
    return [kind for (kind,) in await world.rows(query, number=pr.number)]


@pytest.mark.parametrize("by", ["ana", "max"])
async def test_an_approval_falls_when_somebody_else_edits_its_words(world: World, pr: PullRequest, by: str) -> None:
    "Who may write to the repository may edit anybody's comment; nobody's approval is put into other words."
    comment = await approved(world, pr)
    await world.github.edit_comment(comment, "Fine work.\n\n/approve the next one, too", by=by)
    reply = await pr.next_comment()
    assert f"The approval of `apo` no longer counts: the words it was given with were edited by `{by}`" in reply
    assert await standing_approvals(world, pr) == ["triage"]
    await world.github.edit_comment(comment, "Fine work.\n\n/approve again", by=by)
    await pr.settled()
    entries = [e for e in await world.audit_of(pr) if e.act == "words edited"]
    assert [(e.actor, e.arguments) for e in entries] == [(by, "approvals fell: apo")]
    pr.has_been_read()


async def test_an_approval_falls_with_its_comment(world: World, pr: PullRequest) -> None:
    "Deleted by whomever: there is nothing left to point to."
    comment = await approved(world, pr)
    await world.github.delete_comment(comment, by="apo")
    assert "were deleted by `apo`" in await pr.next_comment()
    assert await standing_approvals(world, pr) == ["triage"]
    pr.has_been_read()


async def test_an_own_edit_changes_nothing(world: World, pr: PullRequest) -> None:
    "Correcting a typing mistake is everybody's right, and never a command."
    comment = await approved(world, pr)
    await world.github.edit_comment(comment, "Fine work!\n\n/approve cancel")
    await pr.settled()
    assert await standing_approvals(world, pr) == ["triage", "approve"]


@pytest.mark.parametrize("what", ["edited", "dismissed"])
async def test_an_approval_by_review_falls_with_the_review(world: World, pr: PullRequest, what: str) -> None:
    "A dismissed review counts no more, nor one in which somebody else has written."
    await world.tess.comments(pr, "/triage-approve\n/hold")
    review = await world.github.review(pr.pull, "apo", "/approve")
    await pr.settled()
    assert await standing_approvals(world, pr) == ["triage", "approve"]
    pr.has_been_read()
    if what == "edited":
        await world.github.edit_review(review, "/approve!", by="max")
    else:
        await world.github.dismiss_review(review, by="max")
    assert f"were {what} by `max`" in await pr.next_comment()
    assert await standing_approvals(world, pr) == ["triage"]
    pr.has_been_read()


async def test_a_sign_off_of_two_stands_while_one_stands(world: World, pr: PullRequest) -> None:
    "One triager's words go, the other's are still there; when both are gone, triage looks again."
    world.repo.permissions["tim"] = "triage"
    comments = [await world.github.comment(pr.pull, who, "/triage-approve") for who in ("tess", "tim")]
    await pr.settled()
    await world.github.delete_comment(comments[0], by="max")
    await pr.settled()
    assert "triage-approved" in pr.labels
    await world.github.delete_comment(comments[1], by="max")
    await pr.settled()
    assert pr.labels == {"skill", "triage-follow-up"}
    pr.has_been_read()


async def test_a_fall_is_told_though_github_stumbled(world: World, pr: PullRequest) -> None:
    "The approval has fallen, then GitHub failed: the next try still says so, and writes it down once."
    comment = await approved(world, pr)
    world.github.fail_next("POST", r"/issues/1/comments$", status=502)
    await world.github.delete_comment(comment, by="max")
    await world.while_time_passes(minutes=5)
    assert "were deleted by `max`" in await pr.next_comment()
    assert [e.act for e in await world.audit_of(pr)].count("words deleted") == 1
    pr.has_been_read()


@pytest.mark.parametrize(
    "command",
    ["/hold", "/triage-approve", "/approve", "/reject late", "/uncertain", "/legal-hold", "/merge", "/generate"],
)
async def test_what_is_closed_is_not_reviewed_any_more(world: World, pr: PullRequest, command: str) -> None:
    "A command that moves the review says that it comes too late; the state stays."
    await world.github.close_pull(pr.pull)
    await pr.settled()
    world.repo.permissions["tess"] = "maintain"
    before = pr.labels
    await world.tess.comments(pr, command)
    assert "closed" in await pr.next_comment()
    assert pr.labels == before
    assert await standing_approvals(world, pr) == []


async def test_taking_an_approval_back_waits_for_nobody(world: World, pr: PullRequest) -> None:
    "The branch moves while the approver writes: a no is a no, whatever commit it was written for."
    await approved(world, pr)
    await world.stop_bot()
    await world.start_bot(handling=False)
    await world.clock.advance(minutes=1)
    await world.ana.pushes(pr, a_good_skill(), force=True, message="The same, rebased")
    await world.apo.comments(pr, "/approve cancel")
    await world.github.settle()
    await world.stop_bot()
    await world.start_bot()
    await pr.settled()
    assert await standing_approvals(world, pr) == ["triage"]
    pr.has_been_read()


async def test_a_hundred_comments_of_two_end_in_one_state(world: World, pr: PullRequest) -> None:
    "In the order in which they were written, each answered at most once."
    for n in range(50):
        await world.tess.comments(pr, "/hold" if n % 2 else f"/unhlod {n}")
        await world.max.comments(pr, "/unhold" if n < 49 else "Enough.")
    await world.while_time_passes(hours=3)
    assert "hold" in pr.labels
    replies = [c.body for c in pr.pull.comments if c.by_app and "Did you mean `/unhold`?" in c.body]
    assert len(replies) == 25
    marks = [reply.splitlines()[0] for reply in replies]
    assert len(set(marks)) == 25
    acts = [e.act for e in await world.audit_of(pr)]
    assert acts == ["/unhold", "/hold", "/unhold"] + ["/unhold", "/hold", "/unhold"] * 23 + ["/unhold", "/hold"]
    pr.has_been_read()


async def test_only_the_first_commands_of_many_are_read(world: World, pr: PullRequest) -> None:
    "A thousand in one comment: twenty count, and that is said."
    await world.tess.comments(pr, "/unhold\n" * 19 + "/hold\n" + "/reject it\n" * 980)
    assert "Only the first 20 commands of a comment are read." in await pr.next_comment()
    assert pr.labels == {"skill", "triage-needed", "hold"}
    assert len(await world.audit_of(pr)) == 20
    pr.has_been_read()


async def test_control_characters_in_arguments_are_shown_and_kept_harmless(world: World, pr: PullRequest) -> None:
    "They come back as what they are, and break neither the reply nor the audit."
    await world.tess.comments(pr, "/reject a\x00b\x1b[31mc \u202egnol\u200b")
    reply = await pr.next_comment()
    assert "\x00" not in reply
    assert "\x1b" not in reply
    assert "\u202e" not in reply
    assert [e.result for e in await world.audit_of(pr)] == ["done"]
    pr.has_been_read()


async def test_the_longest_comment_with_a_command_is_answered_within_bounds(world: World, pr: PullRequest) -> None:
    "The reason is as long as GitHub takes a comment to be; the reply still fits."
    await world.tess.comments(pr, "/reject " + "*@a " * 16_000)
    replies: list[Any] = [await pr.next_comment()]
    assert len(replies[0]) < 65_536
    assert loud_words(replies[0]) == []
    pr.has_been_read()
