"""Labels set by hand are orders of those who may, and are put right for everybody else, with a word about it."""

from __future__ import annotations

import pytest

from bot.commands.registry import commands_of_labels
from bot.labels import FLAG_LABELS, STATE_LABELS, Label
from bot.roles import Role
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import PullRequest, World

WHO = {Role.TRIAGER: "tess", Role.APPROVER: "apo", Role.MAINTAINER: "max"}
BELOW = {Role.TRIAGER: "rita", Role.APPROVER: "tess", Role.MAINTAINER: "apo"}
ORDERS = sorted(commands_of_labels())
OURS_ALONE = sorted(
    (STATE_LABELS | FLAG_LABELS) - {label for label, is_on in commands_of_labels() if is_on} - {Label.BUILD_RUNNING}
)


@pytest.fixture
async def pr(world: World) -> PullRequest:
    "A pull request of ana's that passed its checks, with people of every role; rita may only read."
    world.repo.permissions |= {"tess": "triage", "apo": "write", "max": "maintain", "rita": "read"}
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    return pr


async def sets(world: World, pr: PullRequest, login: str, label: str, *, on: bool = True) -> None:
    "Somebody sets a label by hand, or takes it off, and the bot has seen it."
    await (world.github.label if on else world.github.unlabel)(pr.pull, label, by=login)
    await pr.settled()


async def prepared(world: World, pr: PullRequest, label: Label, *, on: bool) -> None:
    "For what takes a label off, it is put on before, as it should be."
    by_command = {
        Label.HOLD: "/hold",
        Label.LEGAL_HOLD: "/legal-hold",
        Label.GENERATE_READY: "/generate",
        Label.BUILD_READY: "/build-ready",
    }
    if not on:
        await world.max.comments(pr, by_command[label])
        await pr.settled()
        assert label in pr.labels
    pr.has_been_read()


@pytest.mark.parametrize(("label", "on"), ORDERS, ids=[f"{'+' if on else '-'}{label}" for label, on in ORDERS])
async def test_a_label_is_an_order_like_its_command(
    world: World, pr: PullRequest, label: Label, *, on: bool
) -> None:
    "By whom it takes at least, it counts, and is written down as theirs; the label stays as they set it."
    await prepared(world, pr, label, on=on)
    who = WHO[commands_of_labels()[label, on].who]
    if (label, on) == (Label.LEGAL_HOLD, False):
        who = "max"  # only a maintainer clears a licence
    await sets(world, pr, who, label, on=on)
    assert (label in pr.labels) is on
    assert len(pr.labels & STATE_LABELS) == 1
    last = (await world.audit_of(pr))[-1]
    assert (last.actor, last.act, last.result) == (who, f"label {'+' if on else '-'}{label}", "done")
    pr.has_been_read()


@pytest.mark.parametrize(("label", "on"), ORDERS, ids=[f"{'+' if on else '-'}{label}" for label, on in ORDERS])
async def test_by_a_lesser_role_it_is_put_right(world: World, pr: PullRequest, label: Label, *, on: bool) -> None:
    "Nothing changes but the label, which is set back; its setter reads who may."
    await prepared(world, pr, label, on=on)
    before = pr.labels
    who = BELOW[commands_of_labels()[label, on].who]
    await sets(world, pr, who, label, on=on)
    assert pr.labels == before
    reply = await pr.next_comment()
    assert f"The label `{label}` was {'set' if on else 'taken off'} by hand, by `{who}`" in reply
    assert "I have put that right. Only" in reply
    assert {e.result for e in await world.audit_of(pr) if e.actor == who} == {"refused", "put right"}


@pytest.mark.parametrize("label", OURS_ALONE)
async def test_what_only_the_bot_knows_nobody_sets(world: World, pr: PullRequest, label: Label) -> None:
    "Not even a maintainer; the word about it says how the label comes about."
    if label in pr.labels:
        await sets(world, pr, "max", label, on=False)
        assert "taken off by hand, by `max`; I have put that right. Another state" in await pr.next_comment()
    else:
        await sets(world, pr, "max", label)
        assert "set by hand, by `max`; I have put that right. It comes by itself" in await pr.next_comment()
    assert pr.labels == {"skill", "triage-needed"}


async def test_one_state_exchanged_for_another_is_one_act(world: World, pr: PullRequest) -> None:
    "Whoever picks another label in GitHub's list takes the old one off as well: nothing is said about that."
    await world.stop_bot()
    await world.start_bot(handling=False)
    await world.github.unlabel(pr.pull, "triage-needed", by="tess")
    await world.github.label(pr.pull, "triage-uncertain", by="tess")
    await world.github.settle()
    await world.stop_bot()
    await world.start_bot()
    assert "the triage team, who talk it over" in await pr.edited_comment()
    assert pr.labels == {"skill", "triage-uncertain"}


async def test_a_state_that_is_taken_off_comes_back(world: World, pr: PullRequest) -> None:
    "A state is left for another one, not for none: the word about it says by which commands."
    await sets(world, pr, "tess", "triage-needed", on=False)
    assert "Another state takes its place: `/triage-approve`" in await pr.next_comment()
    assert pr.labels == {"skill", "triage-needed"}


async def test_a_label_on_content_nobody_can_have_seen_is_refused(world: World, pr: PullRequest) -> None:
    "The author pushes, a triager still has the old page open: the label is put right, and says why."
    await world.stop_bot()
    await world.start_bot(handling=False)
    await world.clock.advance(minutes=1)
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await world.github.label(pr.pull, "triage-approved", by="tess")
    await world.github.settle()
    await world.stop_bot()
    await world.clock.advance(minutes=1)
    await world.start_bot()
    assert "I have put that right. The branch moved" in await pr.next_comment()
    assert pr.labels == {"skill", "triage-needed"}
    pr.has_been_read()


async def test_a_label_set_before_the_push_does_not_outlive_it(world: World, pr: PullRequest) -> None:
    "It counted for what was there; the push then voids it like any sign-off."
    await sets(world, pr, "tess", "triage-approved")
    await world.clock.advance(minutes=1)
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await pr.settled()
    assert pr.labels == {"skill", "triage-follow-up"}
    pr.has_been_read()


async def test_a_label_our_own_triage_took_off_at_that_moment_still_counts(world: World, pr: PullRequest) -> None:
    "Triage did not know yet of the label it found; what its setter decided is not lost."
    await world.stop_bot()
    await world.start_bot(handling=False)
    await world.github.edit_pull(pr.pull, title="Another title")  # makes the bot look, before it reads of the label
    await world.github.label(pr.pull, "triage-approved", by="tess")
    await world.github.settle()
    await world.stop_bot()
    await world.start_bot()
    await pr.settled()
    assert pr.labels == {"skill", "triage-approved"}
    assert "Next: an approver" in await pr.edited_comment()


async def test_a_label_that_our_report_stumbled_over_is_reported_in_the_end(world: World, pr: PullRequest) -> None:
    "GitHub fails just after the order was carried out: the next try finishes the report."
    world.github.fail_next("DELETE", r"/labels/triage-needed$", status=502)
    await world.github.label(pr.pull, "triage-approved", by="tess")
    await world.while_time_passes(minutes=5)
    assert pr.labels == {"skill", "triage-approved"}
    assert "Next: an approver" in await pr.edited_comment()
    assert [e.result for e in await world.audit_of(pr)] == ["done"]


async def test_labels_on_many_at_once_all_count(world: World, pr: PullRequest) -> None:
    "A triager marks several pull requests in the same second."
    others = [await world.bob.opens_pr(), await world.eve.opens_pr()]
    await world.settled()
    for one in (pr, *others):
        await world.github.label(one.pull, "hold", by="tess")
    await world.settled()
    for one in (pr, *others):
        assert "hold" in one.labels
        assert [e.act for e in await world.audit_of(one)] == ["label +hold"]
        one.has_been_read()


async def test_on_off_and_on_again_within_a_second(world: World, pr: PullRequest) -> None:
    "Each counts, the last one stays."
    for on in (True, False, True):
        await (world.github.label if on else world.github.unlabel)(pr.pull, "hold", by="tess")
    await pr.settled()
    assert "hold" in pr.labels
    assert "held up by hand" in await pr.edited_comment()


async def test_a_hand_set_request_reaches_the_author(world: World, pr: PullRequest) -> None:
    "An edited comment notifies nobody, so whoever has to act gets a word of its own."
    await sets(world, pr, "tess", "triage-requested-changes")
    assert "A triager asks you for a change." in await pr.next_comment()
    assert "Next: you" in await pr.edited_comment()


async def test_each_hand_set_request_reaches_the_author(world: World, pr: PullRequest) -> None:
    "A second request, after a push, is a word of its own."
    await sets(world, pr, "tess", "triage-requested-changes")
    assert "A triager asks you for a change." in await pr.next_comment()
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await pr.settled()
    pr.has_been_read()
    await world.clock.advance(minutes=1)
    await sets(world, pr, "tess", "triage-requested-changes")
    assert "A triager asks you for a change." in await pr.next_comment()
    assert "Next: you" in await pr.edited_comment()


async def test_the_word_about_a_label_is_not_lost_with_its_first_try(world: World, pr: PullRequest) -> None:
    "The order was carried out, then GitHub failed: the next try still tells the author."
    world.github.fail_next("POST", r"/issues/1/comments$", status=502)
    await world.github.label(pr.pull, "triage-requested-changes", by="tess")
    await world.while_time_passes(minutes=5)
    assert "A triager asks you for a change." in await pr.next_comment()
    assert "Next: you" in await pr.edited_comment()


@pytest.mark.parametrize(
    ("label", "command"), [("triage-rejected", "/reject REASON"), ("topic-failure", "/topic TOPIC")]
)
async def test_a_rejection_by_label_is_put_kindly(world: World, pr: PullRequest, label: str, command: str) -> None:
    "The author reads who decided what and whom to ask; the triager is asked for the reason."
    await sets(world, pr, "tess", label)
    words = await pr.next_comment()
    assert "A triager has decided, by a label," in words
    assert "`/question` calls a person" in words
    assert f"`tess`: please tell the author why, by `{command}`." in words
    assert "Triage cannot accept this" in await pr.edited_comment()


async def test_labels_without_a_meaning_are_left_alone(world: World, pr: PullRequest) -> None:
    "Free labels and kinds are people's own business."
    for label in ("good-first-contribution", "knowledge", "documentation"):
        await sets(world, pr, "tess", label)
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await pr.settled()
    assert pr.labels == {
        *{"skill", "knowledge", "documentation"},
        *{"good-first-contribution", "triage-needed"},
    }
    pr.has_been_read()


async def test_a_state_in_other_letters_is_no_free_label(world: World, pr: PullRequest) -> None:
    "GitHub takes `Triage-Approved` for `triage-approved`; so do we."
    await world.tess.comments(pr, "/label Triage-Approved")
    assert "write `/triage-approve`" in await pr.next_comment()
    assert pr.labels == {"skill", "triage-needed"}


async def test_what_was_set_before_the_bot_came_is_taken_over(world: World) -> None:
    "What restrains stays; what grants something is asked for again."
    world.repo.permissions |= {"tess": "triage"}
    await world.stop_bot()
    pr = await world.ana.opens_pr()
    for label in ("hold", "legal-hold", "triage-approved", "ready-to-merge", "community-build-ready"):
        await world.github.label(pr.pull, label, by="tess")
    await world.start_bot()
    await world.github.edit_pull(pr.pull, title="Seen")
    assert "who looks again" in await pr.next_comment() or "maintainer" in pr.living_comment.body
    assert pr.labels == {"skill", "triage-follow-up", "hold", "legal-hold"}


async def test_after_losing_the_database_the_signed_marker_tells(world: World, pr: PullRequest) -> None:
    "State and flags come back, labels that contradict them go, and nothing is said twice."
    await world.tess.comments(pr, "/uncertain\n/hold")
    await pr.settled()
    pr.has_been_read()
    await world.stop_bot()
    await world.lose_the_database()
    await world.github.label(pr.pull, "ready-to-merge", by="mallory")
    await world.github.unlabel(pr.pull, "hold", by="mallory")
    await world.start_bot()
    await world.github.edit_pull(pr.pull, title="Seen again")
    await pr.settled()
    assert pr.labels == {"skill", "triage-uncertain", "hold"}
    assert "held up by hand" in pr.living_comment.body
    pr.has_been_read()


async def test_without_database_and_marker_the_labels_tell(world: World, pr: PullRequest) -> None:
    "Somebody has deleted our comment, too: what restrains is taken over from the labels."
    await world.tess.comments(pr, "/triage-approve\n/hold")
    await pr.settled()
    await world.stop_bot()
    await world.lose_the_database()
    world.deletes_the_bots_comments(pr)
    await world.start_bot()
    await world.github.edit_pull(pr.pull, title="Seen again")
    await pr.next_comment()
    assert pr.labels == {"skill", "triage-follow-up", "hold"}
