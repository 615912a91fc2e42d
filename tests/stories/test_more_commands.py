"""Setting findings aside, fixes, single rules, reminders; commands in texts and reviews; commits that are named."""

from __future__ import annotations

from datetime import timedelta

import pytest
import yaml

from bot.commands.registry import all_commands
from bot.store.database import open_engine
from bot.store.pardons import PardonStore, Precision
from bot.store.reminders import Reminder, ReminderStore
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import PullRequest, World
from tests.world.people import a_good_skill, own_leaf_of

TOO_FEW = {**a_good_skill(), SKILL_PATH: a_skill(seed_examples=4)}
FIVE = yaml.safe_load(a_skill())["seed_examples"]
HOSTILE = {**a_good_skill(), SKILL_PATH: a_skill(task_description="Shorten \u202eit.")}
BECAUSE = "/override counts because the fifth example is on its way"


@pytest.fixture(autouse=True)
def roles(world: World) -> None:
    "Tess and tim are triagers, apo is an approver, max a maintainer."
    world.repo.permissions |= {"tess": "triage", "tim": "triage", "apo": "write", "max": "maintain"}


@pytest.fixture
async def pr(world: World) -> PullRequest:
    "A pull request of ana's that passed its checks."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    return pr


@pytest.fixture
async def failing(world: World) -> PullRequest:
    "A pull request of ana's with one example too few, and nothing else to fix."
    pr = await world.ana.opens_pr(TOO_FEW)
    assert "1 thing to fix" in await pr.next_comment()
    return pr


async def precision_of(world: World, rule: str) -> Precision:
    "How often a rule has been right, as the weekly digest counts it."
    engine = open_engine(world.settings.database_url)
    try:
        found = await PardonStore(engine).precision(world.repo.id, world.clock.now() - timedelta(days=7))
    finally:
        await engine.dispose()
    return next(p for p in found if p.rule == rule)


async def reminders_of(world: World, days: int) -> list[Reminder]:
    "What is written down to be said within so many days."
    await world.settled()
    engine = open_engine(world.settings.database_url)
    try:
        return await ReminderStore(engine).due(world.repo.id, world.clock.now() + timedelta(days=days))
    finally:
        await engine.dispose()


async def test_a_maintainer_accepts_what_a_rule_finds(world: World, failing: PullRequest) -> None:
    "The check turns green, everybody reads who and why, and the merge waits for triage like any other."
    await world.max.comments(failing, BECAUSE)
    comment = await failing.edited_comment()
    assert "All checks passed" in comment
    assert "The finding `counts` was overridden by `max`: the fifth example is on its way" in comment
    assert failing.check("Contribution").conclusion == "success"
    assert "Triage has not signed it off" in (failing.check("Merge readiness").title or "")
    assert failing.labels == {"skill", "triage-needed"}
    (entry,) = await world.audit_of(failing)
    assert (entry.actor, entry.role, entry.act, entry.result) == ("max", "maintainer", "/override", "done")
    assert "the fifth example is on its way" in entry.arguments


async def test_an_overridden_contribution_can_become_ready(world: World, failing: PullRequest) -> None:
    "Nothing but the finding stood in its way: with sign-off and approval it is merged."
    await world.max.comments(failing, BECAUSE)
    await failing.settled()
    await world.tess.comments(failing, "/triage-approve")
    await world.apo.comments(failing, "/approve")
    await failing.settled()
    assert failing.pull.merged
    failing.has_been_read()


async def test_the_reason_of_an_override_has_no_effect(world: World, failing: PullRequest) -> None:
    "It is shown as it was written: no mention, no markup, no hidden part."
    await world.max.comments(failing, "/override counts because @instruct/all | see #12, <b>_now_</b>")
    comment = await failing.edited_comment()
    assert "overridden by `max`: @<!-- -->instruct/all \\| see #<!-- -->12, now\n" in comment


async def test_an_override_falls_with_its_content(world: World, failing: PullRequest) -> None:
    "After a push the same finding counts again; a rebase leaves it set aside."
    await world.max.comments(failing, BECAUSE)
    await failing.edited_comment()
    await world.ana.pushes(failing, TOO_FEW, force=True, message="The same, rebased")
    assert "overridden by `max`" in await failing.edited_comment()
    assert failing.check("Contribution").conclusion == "success"
    await world.ana.pushes(failing, {SKILL_PATH: a_skill(seed_examples=3)})
    comment = await failing.next_comment()
    assert "1 thing to fix" in comment
    assert "overridden" not in comment
    assert failing.check("Contribution").conclusion == "failure"
    failing.has_been_read()


OVERRIDES = {
    "without a reason": ("/override counts", "needs the rule and a reason"),
    "with an empty reason": ("/override counts because", "needs the rule and a reason"),
    "of nothing": ("/override", "needs the rule and a reason"),
    "of a rule that does not fail": (
        "/override pii because it is mine",
        "has found no error here. What fails: `counts/",
    ),
    "of a rule that protects": ("/override hostile because it is harmless", "nobody sets it aside"),
    "of an unknown rule": ("/override count because it is fine", 'Did you mean "counts"?'),
}


async def test_overrides_that_are_refused(world: World, failing: PullRequest) -> None:
    "Each says what is missing, and nothing is set aside."
    for command, reason in OVERRIDES.values():
        await world.max.comments(failing, command)
        assert reason in await failing.next_comment(), command
    assert failing.check("Contribution").conclusion == "failure"


async def test_only_a_maintainer_overrides(world: World, failing: PullRequest) -> None:
    "Neither an approver, nor a triager, the author or an outsider."
    for person in (world.apo, world.tess, world.ana, world.mallory):
        await person.comments(failing, BECAUSE)
        assert "Only a maintainer may do this." in await failing.next_comment()
    assert failing.check("Contribution").conclusion == "failure"


async def test_what_protects_from_harm_cannot_be_overridden(world: World) -> None:
    "Not even where it has found something."
    pr = await world.ana.opens_pr(HOSTILE)
    await pr.next_comment()
    await world.max.comments(pr, "/override hostile because it is only one character")
    assert "nobody sets it aside" in await pr.next_comment()
    await world.tess.comments(pr, "/wrong hostile/bidi")
    assert "nobody sets it aside" in await pr.next_comment()
    assert pr.check("Contribution").conclusion == "failure"


async def test_a_missing_sign_off_is_for_maintainers(world: World) -> None:
    "A triager cannot call it wrong; a maintainer may accept it, for a reason."
    pr = await world.ana.opens_pr(sign_off=False)
    await pr.next_comment()
    await world.tess.comments(pr, "/wrong dco")
    assert "Only a maintainer may set this aside: `/override RULE because REASON`." in await pr.next_comment()
    assert pr.check("Sign-off").conclusion == "failure"
    await world.max.comments(pr, "/override dco because the employer has signed for all")
    assert "overridden by `max`: the employer has signed for all" in await pr.edited_comment()
    assert pr.check("Sign-off").conclusion == "success"


async def test_a_false_finding_is_set_aside_and_counted(world: World, failing: PullRequest) -> None:
    "It no longer counts for this content, the comment owns the mistake, and the rule's precision falls."
    assert (await precision_of(world, "counts")).share_right == 1
    await world.tess.comments(failing, "/wrong counts")
    comment = await failing.edited_comment()
    assert "The finding `counts` was a mistake of ours, says `tess`; it does not count." in comment
    assert failing.labels == {"skill", "triage-needed"}
    found = await precision_of(world, "counts")
    assert (found.hits, found.wrong, found.share_right) == (1, 1, 0)


async def test_called_wrong_twice_it_counts_once(world: World, failing: PullRequest) -> None:
    "The second time there is no error left to call wrong."
    await world.tess.comments(failing, "/wrong counts")
    await failing.edited_comment()
    await world.tim.comments(failing, "/wrong counts")
    assert "has found no error here. What fails: none." in await failing.next_comment()
    assert (await precision_of(world, "counts")).wrong == 1


async def test_one_cause_is_called_wrong(world: World) -> None:
    "Its sister of the same rule still counts, and so does the rule."
    mine = {"question": "Shorten: write to ana@kingfisher.net.", "answer": "Pay with 4111 1111 1111 1111."}
    pr = await world.ana.opens_pr({**a_good_skill(), SKILL_PATH: a_skill(seed_examples=[mine, *FIVE])})
    assert "2 things to fix" in await pr.next_comment()
    await world.tess.comments(pr, "/wrong pii/email")
    comment = await pr.edited_comment()
    assert "The finding `pii/email` was a mistake of ours" in comment
    assert "1 thing to fix" in comment
    assert pr.check("Contribution").conclusion == "failure"
    assert (await precision_of(world, "pii")).wrong == 1


async def test_findings_that_cannot_be_called_wrong(world: World, failing: PullRequest) -> None:
    "By nobody, nothing, somebody who may not; and nobody judges the own pull request."
    await world.tess.comments(failing, "/wrong")
    assert "Name the rule whose finding is wrong" in await failing.next_comment()
    await world.tess.comments(failing, "/wrong pii")
    assert "has found no error here" in await failing.next_comment()
    await world.tess.comments(failing, "/wrong count")
    assert 'Did you mean "counts"?' in await failing.next_comment()
    for person in (world.ana, world.mallory):
        await person.comments(failing, "/wrong counts")
        assert "Only a triager may do this." in await failing.next_comment()
    world.repo.permissions["ana"] = "triage"
    await world.clock.advance(minutes=2)
    await world.ana.comments(failing, "/wrong counts")
    assert "another triager has to see" in await failing.next_comment()
    assert failing.check("Contribution").conclusion == "failure"


async def test_mechanical_fixes_are_offered(world: World) -> None:
    "By line, ready to paste, for the author or a triager; an outsider is told who may."
    text = a_skill().replace("version: 3\n", "version: 3   \n")
    pr = await world.ana.opens_pr({**a_good_skill(), SKILL_PATH: text})
    pr.pull.edits_allowed = False
    await pr.next_comment()
    for person in (world.ana, world.tess):
        await person.comments(pr, "/fix")
        offered = await pr.next_comment()
        assert "to paste over the lines named" in offered
        assert "#L1)" in offered
        assert "```yaml\nversion: 3\n```" in offered
    await world.mallory.comments(pr, "/fix")
    assert "Only the author or a triager may do this." in await pr.next_comment()


async def test_where_nothing_can_be_fixed_mechanically(world: World, failing: PullRequest) -> None:
    "That is said: a fifth example has to be written by a person."
    await world.ana.comments(failing, "/fix")
    assert "nothing at" in await failing.next_comment()


async def test_very_many_fixes_fit_into_one_reply(world: World) -> None:
    "The first ones are shown, the rest is counted or left to the Checks tab."
    answer = "word " * 2000
    seeds = [{"question": f"Question {n}?", "answer": f"{answer}{n}"} for n in range(40)]
    text = a_skill(seed_examples=seeds).replace("answer: word", "answer:  word")
    text = "".join(f"{line}  \n" for line in text.splitlines())
    pr = await world.ana.opens_pr({**a_good_skill(), SKILL_PATH: text})
    pr.pull.edits_allowed = False
    await pr.next_comment()
    await world.ana.comments(pr, "/fix\n/check lint\n/check limits")
    reply = await pr.next_comment()
    assert len(reply.encode()) < 65_000
    assert "[the Checks tab](" in reply or "more, once these are in" in reply
    assert reply.count("```") % 2 == 0


async def test_one_rule_tells_what_it_says(world: World, failing: PullRequest) -> None:
    "A rule that found something says all of it, one that did not says so; a cause can be asked for, too."
    await world.ana.comments(failing, "/check counts")
    assert "How to put it right" in await failing.next_comment()
    await world.ana.comments(failing, "/check Counts/too-few-examples")
    assert "How to put it right" in await failing.next_comment()
    await world.tess.comments(failing, "/check pii")
    assert "`pii` has nothing to say about" in await failing.next_comment()


async def test_what_is_set_aside_is_not_repeated(world: World, failing: PullRequest) -> None:
    "A finding that a triager has called wrong blocks nobody, in the answer of `/check` either."
    await world.tess.comments(failing, "/wrong counts")
    await failing.settled()
    failing.has_been_read()
    await world.ana.comments(failing, "/check counts")
    assert "`counts` has nothing to say about" in await failing.next_comment()


async def test_a_rule_that_there_is_not(world: World, failing: PullRequest) -> None:
    "The nearest is named; a cause that a rule does not have lists those it has."
    await world.ana.comments(failing, "/check piii")
    assert 'Did you mean "pii"?' in await failing.next_comment()
    await world.ana.comments(failing, "/check pii/mails")
    assert "`pii` has no `pii/mails`; it may find `pii/key`, `pii/email`" in await failing.next_comment()
    await world.mallory.comments(failing, "/check pii")
    assert "Only the author or a triager may do this." in await failing.next_comment()


async def test_a_reminder_is_written_down(world: World, pr: PullRequest) -> None:
    "For a week, or as many days as somebody says, with the words to say; a newer one of theirs replaces the older."
    await world.tess.comments(pr, "/remind 3 ask for the source again")
    await world.ana.comments(pr, "/remind")
    assert len(await reminders_of(world, 8)) == 2
    await world.ana.comments(pr, "/remind in 2 days")
    assert [(r.actor, r.text) for r in await reminders_of(world, 3)] == [
        ("ana", ""),
        ("tess", "ask for the source again"),
    ]
    await world.ana.comments(pr, "\n".join(["/remind 1"] * 20))
    assert [r.actor for r in await reminders_of(world, 8)] == ["ana", "tess"]


async def test_reminders_that_are_refused(world: World, pr: PullRequest) -> None:
    "Too many days, none, or somebody else's pull request."
    for days in ("0", "91", "1000 days"):
        await world.tess.comments(pr, f"/remind {days}")
        assert "Between 1 and 90 days" in await pr.next_comment()
    await world.mallory.comments(pr, "/remind 3")
    assert "Only the author or a triager may do this." in await pr.next_comment()
    assert await reminders_of(world, 100) == []


async def test_a_triager_asks_on_behalf_of_nobody_else(world: World, pr: PullRequest) -> None:
    "The question says who has it."
    await world.tess.comments(pr, "/question is this topic covered already?")
    assert "`tess` has a question: is this topic covered already?" in await pr.next_comment()


async def test_the_text_of_a_pull_request_commands_once(world: World) -> None:
    "A triager holds the own pull request from the start; editing the text commands nothing."
    pr = await world.tess.opens_pr(body="Not yet, please.\n\n/hold until the source is out\n/assign")
    await pr.next_comment()
    await pr.settled()
    assert "hold" in pr.labels
    assert pr.pull.assignees == ["tess"]
    assert {content for content, people in pr.pull.reactions.items() if people} == {"+1"}
    await world.tess.comments(pr, "/unhold")
    await pr.settled()
    await world.github.edit_pull(pr.pull, body="/hold\n/legal-hold")
    await pr.settled()
    assert not {"hold", "legal-hold"} & pr.labels
    pr.has_been_read()


async def test_an_outsiders_text_is_refused_once(world: World) -> None:
    "However often the text is edited or the delivery comes."
    pr = await world.ana.opens_pr(body="Please take it.\n\n/triage-approve")
    assert "All checks passed" in await pr.next_comment()
    assert "`/triage-approve`: Only a triager may do this." in await pr.next_comment()
    await world.github.edit_pull(pr.pull, body="/triage-approve")
    opened = next(d for d in world.github.deliveries if d.event == "pull_request")
    world.github.redeliver(opened)
    await pr.settled()
    assert "triage-approved" not in pr.labels


async def test_the_check_list_of_a_text_commands_nothing(world: World) -> None:
    "What the template explains in lists, quotes and hidden comments is no command."
    body = "<!-- write\n/hold\nto wait -->\n\n- [x] /hold\n\n> /hold\n\n    /hold\n"
    pr = await world.tess.opens_pr(body=body)
    await pr.next_comment()
    assert "hold" not in pr.labels


ABOUT_CONTENT = {
    "approve": "",
    "build-ready": "",
    "evaluate": "",
    "generate": "",
    "lgtm": "",
    "merge": "",
    "override": "counts because it is fine",
    "postcheck": "",
    "precheck": "",
    "reject": "it is known already",
    "request-changes": "name your source",
    "retry": "1",
    "topic": "maths",
    "triage-approve": "",
    "wrong": "counts",
}


def test_every_command_about_content_takes_a_commit_in_a_story() -> None:
    "A new one has to be added to these stories."
    assert set(ABOUT_CONTENT) == {known.name for known in all_commands().values() if known.about_content}


async def test_the_wrong_commit_is_refused_by_every_command(world: World, pr: PullRequest) -> None:
    "Short, long, in capitals: where the branch is somewhere else, nothing is done."
    before = pr.labels
    head = pr.pull.head_sha
    for sha in ("1234567", "1" * 40, "ABCDEF1"):
        lines = "\n".join(f"/{name} {sha} {words}".rstrip() for name, words in ABOUT_CONTENT.items())
        await world.max.comments(pr, lines)
        reply = await pr.next_comment()
        for name in ABOUT_CONTENT:
            assert f"`/{name}`: You named `{sha[:7].lower()}`, but the branch is at `{head[:7]}` now." in reply
    assert pr.labels == before
    assert await world.jobs.of_pull(world.repo.id, pr.number) == ()


@pytest.mark.parametrize("name", ABOUT_CONTENT)
async def test_the_right_commit_is_taken_by_every_command(world: World, pr: PullRequest, name: str) -> None:
    "Short, long, or in capitals; it also binds what was written before the last push was known."
    for sha in (pr.pull.head_sha[:12], pr.pull.head_sha, pr.pull.head_sha[:12].upper()):
        await world.max.comments(pr, f"/{name} {sha} {ABOUT_CONTENT[name]}")
    await pr.settled()
    pr.has_been_read()
    said = "\n".join(comment.body for comment in pr.pull.comments if comment.by_app)
    assert "You named" not in said
    assert "The branch moved" not in said
    acts = [entry for entry in await world.audit_of(pr) if entry.act == f"/{name}"]
    assert len(acts) == 3


async def test_a_named_commit_binds_a_hasty_command(world: World, pr: PullRequest) -> None:
    "The branch moved while the triager wrote, and the commit that is named is the newest: it counts."
    await world.stop_bot()
    await world.start_bot(handling=False)
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await world.tess.comments(pr, f"/triage-approve {pr.pull.head_sha[:10]}")
    await world.github.settle()
    await world.stop_bot()
    await world.start_bot()
    await pr.settled()
    assert pr.labels == {"skill", "triage-approved"}
    pr.has_been_read()


async def test_reviews_are_acknowledged_one_after_the_other(world: World, pr: PullRequest) -> None:
    "They take no reaction: the living comment says which was heard last."
    await world.github.review(pr.pull, "tess", "Good.\n\n/triage-approve")
    assert "Done as the review of `tess` asks: `/triage-approve`." in await pr.edited_comment()
    await world.github.review(pr.pull, "tim", "Wait for the other one.\n\n/hold\n/legal-hold")
    comment = await pr.edited_comment()
    assert "Done as the review of `tim` asks: `/hold`, `/legal-hold`." in comment
    assert "review of `tess`" not in comment
    assert pr.labels == {"skill", "triage-approved", "hold", "legal-hold"}
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    assert "Done as the review" not in await pr.edited_comment()


async def test_a_review_without_commands_is_not_answered(world: World, pr: PullRequest) -> None:
    "Neither is one whose commands are refused acknowledged: a reply says why."
    await world.github.review(pr.pull, "tess", "Looks good to me.", "APPROVED")
    await pr.settled()
    assert "triage-approved" not in pr.labels
    pr.has_been_read()
    await world.github.review(pr.pull, "mallory", "/triage-approve")
    assert "Only a triager may do this." in await pr.next_comment()
    assert not any("review of `mallory`" in comment.body for comment in pr.pull.comments)


async def test_a_review_of_an_older_commit_is_refused(world: World, pr: PullRequest) -> None:
    "It counts for what was on the reviewer's screen."
    old = pr.pull.head_sha
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await pr.settled()
    await world.github.review(pr.pull, "tess", "/triage-approve", commit_id=old)
    assert "The branch moved" in await pr.next_comment()
    assert "triage-approved" not in pr.labels
    pr.has_been_read()


RETRIED = {
    "override": ("max", BECAUSE),
    "wrong": ("tess", "/wrong counts"),
    "fix": ("ana", "/fix"),
    "check": ("ana", "/check counts"),
    "remind": ("tess", "/remind 3"),
    "batch": ("tess", "/batch hold #1"),
}


@pytest.mark.parametrize("name", RETRIED)
async def test_a_command_that_is_tried_again_does_nothing_twice(
    world: World, failing: PullRequest, name: str
) -> None:
    "Every answer of GitHub to what the bot writes gets lost once; in the end each thing stands there once."
    for route in (r"/reactions$", r"/check-runs$", r"/issues/1/comments$", r"/issues/1/labels$", r"/graphql$"):
        world.github.drop_next_response("POST", route)
    world.github.drop_next_response("PATCH", r"/issues/comments/\d+$")
    who, text = RETRIED[name]
    await getattr(world, who).comments(failing, text)
    await world.while_time_passes(hours=1)
    entries = await world.audit_of(failing)
    assert [(entry.act, entry.result) for entry in entries] == [(text.split()[0], "done")]
    replies = [comment for comment in failing.pull.comments if comment.by_app]
    assert len(replies) == 1 + (name in ("fix", "check", "batch"))
    assert len(await reminders_of(world, 4)) == (name == "remind")
    failing.has_been_read()


async def test_a_delivery_that_comes_twice_is_handled_once(world: World, pr: PullRequest) -> None:
    "GitHub sends the same comment again."
    await world.tess.comments(pr, "/request-changes name your source")
    assert "name your source" in await pr.next_comment()
    comment = [d for d in world.github.deliveries if d.event == "issue_comment"][-2]
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await pr.settled()
    world.github.redeliver(comment)
    await pr.settled()
    assert pr.labels == {"skill", "triage-follow-up"}
    pr.has_been_read()


async def test_a_rule_that_failed_for_another_is_not_set_aside_here(world: World, failing: PullRequest) -> None:
    "An override is for one content of one pull request."
    other = await world.bob.opens_pr(
        {**a_good_skill("bob", own_leaf_of("bob")), own_leaf_of("bob"): a_skill(seed_examples=4, created_by="bob")}
    )
    await other.next_comment()
    await world.max.comments(failing, BECAUSE)
    await failing.edited_comment()
    assert failing.check("Contribution").conclusion == "success"
    assert other.check("Contribution").conclusion == "failure"
