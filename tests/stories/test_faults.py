"""GitHub stumbles, our own rules break: nothing is lost, nothing is said twice, nobody is blamed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from bot.rule_workers import RuleWorkers
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import Person, World
from tests.world.breaking import add_the_breaking_rule, remove_the_breaking_rule


async def test_a_stumbling_read_is_tried_again(world: World) -> None:
    "A 502 page instead of an answer costs a second, not the verdict."
    world.github.fail_next("GET", r"/pulls/1$", status=502)
    pr = await world.ana.opens_pr()
    await world.while_time_passes(seconds=5)
    assert "All checks passed" in await pr.next_comment()


async def test_a_write_of_unknown_outcome_is_not_repeated_blindly(world: World) -> None:
    "The comment was written, but its answer got lost: the next try finds it and writes no second one."
    world.github.drop_next_response("POST", r"/issues/1/comments$")
    pr = await world.ana.opens_pr()
    await world.while_time_passes(minutes=5)
    assert "All checks passed" in await pr.next_comment()
    assert len(pr.pull.comments) == 1
    assert [run.name for run in pr.rule_checks()] == ["Contribution", "Sign-off"]


async def test_a_refused_write_is_made_up_for(world: World) -> None:
    "GitHub is down while we report: what is missing is written later, what is there is not written again."
    world.github.fail_next("POST", r"/graphql$", status=500, times=1)
    pr = await world.ana.opens_pr()
    await world.while_time_passes(minutes=5)
    assert "All checks passed" in await pr.next_comment()
    assert sorted(run.name for run in pr.rule_checks()) == ["Contribution", "Sign-off"]


async def test_when_github_asks_to_slow_down_we_do(world: World) -> None:
    "A secondary limit with Retry-After delays the writes by that much, and none is lost."
    world.github.fail_next(
        "POST",
        r"/graphql$",
        status=403,
        body='{"message": "secondary rate limit"}',
        headers={"Retry-After": "30"},
    )
    began = world.clock.now()
    pr = await world.ana.opens_pr()
    await world.while_time_passes(minutes=1)
    assert "All checks passed" in await pr.next_comment()
    assert min(run.completed_at for run in pr.checks() if run.completed_at) >= began


async def test_an_expired_token_is_renewed(world: World) -> None:
    "Hours later, or when GitHub drops our token early, the bot fetches a new one."
    first = await world.ana.opens_pr()
    await first.next_comment()
    await world.clock.advance(hours=3)
    await world.ana.pushes(first, {SKILL_PATH: a_skill(seed_examples=6)})
    await first.settled()
    assert first.check("Contribution").conclusion == "success"

    world.github.fail_next("GET", r"/pulls/1$", status=401, body='{"message": "Bad credentials"}')
    await world.ana.pushes(first, {SKILL_PATH: a_skill(seed_examples=7)})
    await first.settled()
    assert first.check("Contribution").conclusion == "success"
    first.has_been_read()


async def test_when_github_stays_down_the_delivery_is_kept_as_failed(world: World) -> None:
    "After several tries over a quarter of an hour the delivery is parked, with the reason."
    world.github.fail_next("GET", r"/pulls/1$", status=503, times=1_000)
    await world.ana.opens_pr()
    await world.while_time_passes(hours=1)
    await world.settled()
    rows = await world.rows("select state, error from deliveries where event = 'pull_request'")
    assert rows == [("failed", "GitHub answered 503")]


@pytest.fixture
def breaking_workers() -> Iterator[RuleWorkers]:
    """Worker processes with one more rule, which breaks down for some authors."""
    add_the_breaking_rule()
    workers = RuleWorkers(workers=1, rule_time_limit_s=1.0, prepare=add_the_breaking_rule)
    asyncio.run(workers.warm_up())
    yield workers
    workers.close()
    remove_the_breaking_rule()


async def test_a_rule_of_ours_that_breaks_is_no_failure_and_no_green_light(
    database_url: str, breaking_workers: RuleWorkers
) -> None:
    "Whether a rule hangs, sleeps, kills its process or raises: neutral, no label, nothing for the author to do."
    async with World(database_url, breaking_workers) as world:
        for author in ("raise", "die", "hang", "sleep"):
            pr = await Person(world, author).opens_pr()
            comment = await pr.next_comment()
            assert "Not checked completely: nothing for you to fix. Next: us" in comment
            assert pr.check("Contribution").conclusion == "neutral"
            assert pr.check("Sign-off").conclusion == "success"
            assert pr.labels == {"skill"}


async def test_a_broken_rule_hides_no_other_finding(database_url: str, breaking_workers: RuleWorkers) -> None:
    "What the other rules found is reported, and our own fault is said beside it."
    async with World(database_url, breaking_workers) as world:
        pr = await Person(world, "die").opens_pr({SKILL_PATH: a_skill(created_by="die", seed_examples=3)})
        comment = await pr.next_comment()
        assert "Not ready yet: 2 things to fix" in comment
        assert "broke down" in pr.check("Contribution").summary


async def test_many_pull_requests_at_once_keep_their_own_order(world: World) -> None:
    "Pushes to one pull request are judged in order, while others go on."
    prs = [await world.ana.opens_pr() for _ in range(6)]
    for pr in prs:
        await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=3)})
        await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await world.settled()
    for pr in prs:
        assert pr.check("Contribution").conclusion == "success"
        assert pr.labels == {"skill", "triage-needed"}
        assert "All checks passed" in pr.living_comment.body
        pr.has_been_read()
