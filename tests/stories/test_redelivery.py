"""GitHub could not reach us, or believed it had: what never came is asked for again, and never for ever."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.redelivery import MOST_ASKED
from bot.simulator.webhooks import Delivery
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import PullRequest, World

NOBODY = "http://127.0.0.1:9/webhooks"


@pytest.fixture
async def pr(world: World) -> PullRequest:
    "A pull request of ana's that passed its checks; tess is a triager."
    world.repo.permissions |= {"tess": "triage"}
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    return pr


def asked(world: World) -> int:
    "How often the bot asked GitHub to send something again."
    return sum(line.route.endswith("/attempts") for line in world.github.requests)


def sent(world: World, event: str) -> Delivery:
    "The newest webhook of a kind."
    return next(d for d in reversed(world.github.deliveries) if d.event == event)


async def goes_down(world: World) -> None:
    "The bot stops; GitHub goes on knocking at a door that nobody opens."
    await world.stop_bot()
    world.github.webhook_url = NOBODY


async def test_what_failed_while_the_bot_was_down_is_sent_again(world: World, pr: PullRequest) -> None:
    "A push and a command while nobody listened: the first sweep afterwards has both sent again."
    await goes_down(world)
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    push = sent(world, "pull_request")
    await world.tess.comments(pr, "/hold")
    comment = sent(world, "issue_comment")
    await world.github.settle()
    await world.start_bot()

    await world.sweeps()

    assert push.statuses == comment.statuses == [None, 202]
    assert pr.check("Contribution").conclusion == "success"
    assert "hold" in pr.labels
    assert [entry.act for entry in await world.audit_of(pr)] == ["/hold"]
    pr.has_been_read()


async def test_what_was_answered_503_is_sent_again(world: World, pr: PullRequest) -> None:
    "The database was gone for a moment, so GitHub was told that nothing is stored."
    async with world.database() as engine, engine.begin() as connection:
        await connection.exec_driver_sql("alter table deliveries rename to deliveries_elsewhere")
    await world.tess.comments(pr, "/hold")
    await world.github.settle()
    lost = sent(world, "issue_comment")
    assert lost.statuses == [503]
    async with world.database() as engine, engine.begin() as connection:
        await connection.exec_driver_sql("alter table deliveries_elsewhere rename to deliveries")

    await world.sweeps()

    assert lost.statuses == [503, 202]
    assert [entry.act for entry in await world.audit_of(pr)] == ["/hold"]
    pr.has_been_read()


async def test_what_github_believes_delivered_and_never_came_is_sent_again(world: World, pr: PullRequest) -> None:
    "Something between GitHub and us answered 202 and passed nothing on."
    await world.tess.comments(pr, "/hold")
    await world.settled()
    lost = sent(world, "issue_comment")
    async with world.database() as engine, engine.begin() as connection:
        await connection.exec_driver_sql(f"delete from deliveries where guid = '{lost.guid}'")

    await world.sweeps()

    assert lost.statuses == [202, 202]
    assert [entry.act for entry in await world.audit_of(pr)] == ["/hold"]
    pr.has_been_read()


async def test_what_was_stored_is_never_asked_for(world: World, pr: PullRequest) -> None:
    "An answer that got lost on its way makes GitHub believe in a failure; our row knows better."
    await world.tess.comments(pr, "/hold")
    await world.settled()
    delivery = sent(world, "issue_comment")
    world.github.webhook_url = NOBODY
    world.github.redeliver(delivery)
    await world.github.settle()
    world.github.webhook_url = world.webhook_url
    assert delivery.statuses == [202, None]

    await world.sweeps()

    assert asked(world) == 0
    pr.has_been_read()


async def test_what_comes_twice_counts_once(world: World, pr: PullRequest) -> None:
    "The answer to our asking gets lost, so we may ask again: whatever comes more than once is one row, one act."
    await goes_down(world)
    await world.tess.comments(pr, "/hold")
    lost = sent(world, "issue_comment")
    await world.github.settle()
    await world.start_bot()
    world.github.drop_next_response("POST", r"/attempts$")

    await world.sweeps()
    world.github.redeliver(lost)
    await world.sweeps()

    assert lost.statuses == [None, 202, 202]
    assert asked(world) == 1
    assert [entry.act for entry in await world.audit_of(pr)] == ["/hold"]
    pr.has_been_read()


async def test_nothing_is_asked_for_for_ever(world: World, pr: PullRequest) -> None:
    "What GitHub cannot bring us is asked for a few times, ever longer apart; then reconciling has to do."
    world.github.webhook_url = NOBODY
    await world.tess.comments(pr, "/hold")
    lost = sent(world, "issue_comment").guid
    await world.github.settle()
    began = world.clock.now()
    moments: list[timedelta] = []
    while world.clock.now() - began < timedelta(days=2):
        before = asked(world)
        await world.sweeper.sweep()
        await world.github.settle()
        if asked(world) > before:
            moments.append(world.clock.now() - began)
        await world.clock.advance(hours=4)

    assert await world.rows("select asked from redeliveries where guid = :guid", guid=lost) == [(MOST_ASKED,)]
    assert len(moments) >= 3
    assert "hold" in pr.labels, "reconciling has found the command"
    pr.has_been_read()


async def test_what_is_too_old_is_left_alone(world: World, pr: PullRequest) -> None:
    "GitHub itself no longer sends what is older than three days."
    await goes_down(world)
    await world.tess.comments(pr, "/hold")
    await world.github.settle()
    await world.clock.advance(days=3)
    await world.start_bot()

    await world.sweeps()

    assert asked(world) == 0
    pr.has_been_read()


async def test_a_long_list_is_read_page_by_page(world: World, pr: PullRequest) -> None:
    "A hundred and twenty failures lie between us and the oldest one: all are seen, fifty a sweep asked for."
    await goes_down(world)
    for n in range(120):
        await world.ana.comments(pr, f"Note {n}")
    await world.github.settle()
    await world.start_bot()

    await world.sweeps()

    assert asked(world) == 50
    listed = [line for line in world.github.requests if line.route == "/app/hook/deliveries"]
    assert len(listed) == 2
    assert await world.rows("select count(*) from redeliveries") == [(120,)]
    pr.has_been_read()


async def test_repositories_that_are_not_served_are_not_asked_for(world: World, pr: PullRequest) -> None:
    "What is told of them is not stored either."
    other = world.github.create_repository("instruct/other", {"README.md": "# Other\n"})
    await world.github.open_pull(other, author="ana", files={"a.md": "a\n"})
    await world.settled()

    await world.sweeps()

    assert asked(world) == 0
    pr.has_been_read()


async def test_a_list_that_cannot_be_read_stops_no_sweep(world: World, pr: PullRequest) -> None:
    "GitHub's list is down; the pull requests are reconciled all the same, and the list is read the next time."
    await goes_down(world)
    await world.tess.comments(pr, "/hold")
    await world.github.settle()
    await world.start_bot()
    world.github.fail_next("GET", "/app/hook/deliveries$", status=404, body="{}")

    await world.sweeps()
    assert "hold" in pr.labels
    assert asked(world) == 0
    await world.sweeps()

    assert asked(world) == 1
    assert [entry.act for entry in await world.audit_of(pr)] == ["/hold"]
    pr.has_been_read()
