"""Webhooks overtake each other, and some come by way of a sweep: what people did last is what counts."""

from __future__ import annotations

import pytest

from bot.simulator import Delivery
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import PullRequest, World
from tests.world.people import a_good_skill

TESS_LEAF = "compositional_skills/writing/freeform/tess/shorten/qna.yaml"


@pytest.fixture
async def pr(world: World) -> PullRequest:
    "A pull request of ana's that passed its checks; tess is a triager, apo an approver."
    world.repo.permissions |= {"tess": "triage", "apo": "write"}
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    return pr


async def arrives(world: World, delivery: Delivery) -> None:
    "A webhook that was held back reaches the bot."
    world.github.redeliver(delivery)
    await world.settled()


async def test_a_hold_that_is_heard_of_after_its_end_holds_nothing(world: World, pr: PullRequest) -> None:
    "The webhook of /hold is lost, /unhold arrives: the sweep answers the first and changes nothing."
    with world.no_webhooks():
        hold = await world.github.comment(pr.pull, "tess", "/hold")
    await world.clock.advance(seconds=5)
    await world.tess.comments(pr, "/unhold")
    await pr.settled()
    await world.sweeps()
    assert "hold" not in pr.labels
    assert set(hold.reactions) == {"+1"}
    assert [(entry.act, entry.result) for entry in await world.audit_of(pr)] == [
        ("/unhold", "done"),
        ("/hold", "overtaken"),
    ]


async def test_a_judgement_that_is_heard_of_late_does_not_undo_the_one_after_it(
    world: World, pr: PullRequest
) -> None:
    "Tess was not sure, then approved: it stays approved, and a /hold from between counts."
    with world.no_webhooks():
        await world.tess.comments(pr, "/uncertain")
        await world.tess.comments(pr, "/hold")
    await world.clock.advance(seconds=5)
    await world.tess.comments(pr, "/triage-approve")
    await pr.settled()
    await world.sweeps()
    assert pr.labels == {"skill", "triage-approved", "hold"}
    pr.has_been_read()


async def test_an_approval_that_was_taken_back_does_not_come_back(world: World, pr: PullRequest) -> None:
    "But somebody else's later one takes nothing from it."
    world.repo.permissions["max"] = "maintain"
    await world.tess.comments(pr, "/hold")
    with world.no_webhooks():
        await world.apo.comments(pr, "/approve")
        await world.max.comments(pr, "/approve")
    await world.apo.comments(pr, "/approve cancel")
    await pr.settled()
    await world.sweeps()
    pr.has_been_read()
    results = {(entry.actor, entry.act, entry.arguments): entry.result for entry in await world.audit_of(pr)}
    assert results["apo", "/approve", ""] == "overtaken"
    assert results["max", "/approve", ""] == "done"


async def test_a_label_told_of_after_it_was_taken_off_again_stays_off(world: World, pr: PullRequest) -> None:
    "The two webhooks change places on their way."
    with world.no_webhooks():
        await world.github.label(pr.pull, "hold", by="tess")
        put_on = world.github.deliveries[-1]
        await world.clock.advance(seconds=5)
        await world.github.unlabel(pr.pull, "hold", by="tess")
        taken_off = world.github.deliveries[-1]
    await arrives(world, taken_off)
    await arrives(world, put_on)
    assert "hold" not in pr.labels
    assert "hold" not in (await world.rows("SELECT flags FROM pull_requests"))[0][0]


async def test_a_label_taken_off_unheard_while_it_was_obeyed_stays_off(world: World, pr: PullRequest) -> None:
    "Tess thinks better of it at once, and GitHub never tells of that: the bot does not put her label back."
    await world.github.label(pr.pull, "hold", by="tess")
    await pr.settled()
    with world.no_webhooks():
        await world.clock.advance(seconds=5)
        await world.github.unlabel(pr.pull, "hold", by="tess")
    await world.clock.advance(seconds=5)
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await pr.settled()
    assert "hold" not in pr.labels
    assert "held up" not in (await pr.edited_comment())
    assert [(entry.act, entry.result) for entry in await world.audit_of(pr)] == [
        ("label +hold", "done"),
        ("label -hold", "done"),
    ]


async def test_what_we_have_not_yet_taken_off_is_no_order_of_its_setter(world: World, pr: PullRequest) -> None:
    "Tess set a label, and took it back by command; GitHub failed just then, and a push is what comes next."
    await world.github.label(pr.pull, "hold", by="tess")
    await pr.settled()
    world.github.fail_next("DELETE", r"/labels/hold$", status=502)
    await world.clock.advance(seconds=5)
    await world.tess.comments(pr, "/unhold")
    await world.while_time_passes(minutes=5)
    assert "hold" not in pr.labels
    assert [entry.act for entry in await world.audit_of(pr)] == ["label +hold", "/unhold"]


async def test_a_strangers_command_settles_nothing(world: World, pr: PullRequest) -> None:
    "Nobody told the bot of the label; what otto may not do does not make it old news."
    with world.no_webhooks():
        await world.github.label(pr.pull, "hold", by="tess")
    await world.clock.advance(seconds=5)
    await world.otto.comments(pr, "/unhold")
    assert "Only a triager" in await pr.next_comment()
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await pr.settled()
    assert "Merging is held up by hand" in await pr.edited_comment()
    assert "hold" in pr.labels


async def test_a_strangers_label_goes_although_github_stumbled(world: World, pr: PullRequest) -> None:
    "Nobody told of it, and the first try to take it off failed."
    with world.no_webhooks():
        await world.github.label(pr.pull, "hold", by="otto")
    world.github.fail_next("DELETE", r"/labels/hold$", status=502)
    await world.clock.advance(seconds=5)
    await world.github.edit_pull(pr.pull, title="Another title")
    await world.while_time_passes(minutes=5)
    assert "hold" not in pr.labels
    assert "Only a triager may do this" in await pr.next_comment()


async def test_of_two_labels_that_nobody_told_of_the_later_counts(world: World, pr: PullRequest) -> None:
    "Tess was not sure, then she was, and left both labels on."
    with world.no_webhooks():
        await world.github.label(pr.pull, "triage-uncertain", by="tess")
        await world.clock.advance(seconds=5)
        await world.github.label(pr.pull, "triage-approved", by="tess")
    await world.clock.advance(seconds=5)
    await world.github.edit_pull(pr.pull, title="Another title")
    await pr.settled()
    assert pr.labels == {"skill", "triage-approved"}
    pr.has_been_read()


async def test_a_label_that_was_heard_of_is_not_heard_of_again(world: World, pr: PullRequest) -> None:
    "Its history told of it, a command took it back, and only then its webhook arrives."
    with world.no_webhooks():
        await world.github.label(pr.pull, "hold", by="tess")
        put_on = world.github.deliveries[-1]
    await world.clock.advance(seconds=5)
    await world.github.edit_pull(pr.pull, title="Another title")
    await pr.settled()
    assert "hold" in pr.labels
    await world.clock.advance(seconds=5)
    await world.tess.comments(pr, "/unhold")
    await pr.settled()
    await arrives(world, put_on)
    assert "hold" not in pr.labels
    assert [entry.act for entry in await world.audit_of(pr)] == ["label +hold", "/unhold"]
    pr.has_been_read()


async def test_nothing_holds_what_was_merged_meanwhile(world: World, pr: PullRequest) -> None:
    "The command came first, but too late to matter: whoever gave it is told so."
    with world.no_webhooks():
        await world.github.comment(pr.pull, "tess", "/hold")
        said = world.github.deliveries[-1]
        await world.clock.advance(seconds=5)
    await world.github.merge_pull(pr.pull, by="max")
    await pr.settled()
    await arrives(world, said)
    assert "This pull request is closed" in await pr.next_comment()
    pr.has_been_read()


@pytest.mark.parametrize(("command", "counts"), [("/hold", True), ("/triage-approve", False)])
async def test_a_command_from_before_the_closing_is_in_time(
    world: World, pr: PullRequest, command: str, *, counts: bool
) -> None:
    "The closing was heard of first; only what judges the content comes too late, since that may be another."
    with world.no_webhooks():
        await world.github.comment(pr.pull, "tess", command)
        said = world.github.deliveries[-1]
        await world.clock.advance(seconds=5)
    await world.github.close_pull(pr.pull)
    await pr.settled()
    await arrives(world, said)
    await world.github.reopen_pull(pr.pull)
    await pr.settled()
    assert pr.labels == {"skill", "triage-needed"} | ({"hold"} if counts else set())
    pr.has_been_read()


async def test_a_judgement_of_a_push_that_nobody_told_of_finds_it_checked(world: World, pr: PullRequest) -> None:
    "Tess names the commit: it is looked at before she is heard."
    with world.no_webhooks():
        await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await world.clock.advance(seconds=5)
    await world.tess.comments(pr, f"/triage-approve {pr.pull.head_sha}")
    await pr.settled()
    assert pr.labels == {"skill", "triage-approved"}
    assert "Next: an approver" in await pr.edited_comment()


async def test_a_closing_told_of_after_the_reopening_closes_nothing(world: World, pr: PullRequest) -> None:
    "What is remembered is what GitHub shows."
    with world.no_webhooks():
        await world.github.close_pull(pr.pull)
        closed = world.github.deliveries[-1]
        await world.github.reopen_pull(pr.pull)
        reopened = world.github.deliveries[-1]
    await arrives(world, reopened)
    await arrives(world, closed)
    assert (await world.rows("SELECT is_open FROM pull_requests"))[0][0]
    assert pr.labels == {"skill", "triage-needed"}


async def test_a_command_lost_together_with_the_opening_is_obeyed(world: World, pr: PullRequest) -> None:
    "The bot hears of both by one sweep, of the command first."
    with world.no_webhooks():
        lost = await world.ana.opens_pr(a_good_skill("ana", TESS_LEAF))
        await world.clock.advance(seconds=5)
        comment = await world.github.comment(lost.pull, "tess", "/hold")
    await world.sweeps()
    assert "hold" in lost.labels
    assert set(comment.reactions) == {"+1"}
    lost.has_been_read()


async def test_a_command_from_before_the_first_look_is_obeyed(world: World, pr: PullRequest) -> None:
    "The opening came late, and the webhook of the command never did."
    with world.no_webhooks():
        late = await world.ana.opens_pr(a_good_skill("ana", TESS_LEAF))
        opened = world.github.deliveries[-1]
        await world.clock.advance(seconds=5)
        await world.github.comment(late.pull, "tess", "/hold")
        await world.clock.advance(seconds=5)
    await arrives(world, opened)
    assert "hold" not in late.labels
    await world.sweeps()
    assert "hold" in late.labels
    late.has_been_read()
