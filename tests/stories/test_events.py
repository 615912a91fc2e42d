"""Which events lead to a verdict, and that none is acted on twice."""

from __future__ import annotations

import aiohttp

from tests.checks.contributions import KNOWLEDGE_PATH, SKILL_PATH, a_knowledge, a_skill, attribution
from tests.world import World
from tests.world.people import a_good_skill


async def test_a_delivery_that_comes_twice_acts_once(world: World) -> None:
    "GitHub may deliver again; the same id changes nothing, not even a read."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    opened = next(d for d in world.github.deliveries if d.event == "pull_request")
    mark = world.github.mark

    world.github.redeliver(opened)

    await pr.settled()
    assert world.github.calls_since(mark) == []


async def test_the_same_verdict_is_not_written_twice(world: World) -> None:
    "A new title does not change the verdict: no write at all."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    mark = world.github.mark

    await world.github.edit_pull(pr.pull, title="A better title")

    await pr.settled()
    assert [line for line in world.github.calls_since(mark) if line.is_write] == []
    assert len(pr.rule_checks()) == 2


async def test_a_check_can_be_run_again(world: World) -> None:
    "Re-running one check creates a new run of that check, and only of that one."
    pr = await world.ana.opens_pr()
    await pr.next_comment()

    await world.github.rerequest_check_run(pr.check("Sign-off").id)

    await pr.settled()
    assert [run.name for run in pr.rule_checks()] == ["Contribution", "Sign-off", "Sign-off"]


async def test_all_checks_can_be_run_again(world: World) -> None:
    "Re-running the suite works although GitHub names no pull request for heads on forks."
    pr = await world.ana.opens_pr(from_fork=True)
    await pr.next_comment()

    await world.github.rerequest_check_suite(world.repo, pr.pull.head_sha)

    await pr.settled()
    assert [run.name for run in pr.rule_checks()] == ["Contribution", "Sign-off"] * 2


async def test_a_suite_is_found_again_without_memory(world: World) -> None:
    "After losing the database, a re-run finds the pull request by asking GitHub, and posts no second comment."
    pr = await world.ana.opens_pr(from_fork=True)
    await pr.next_comment()
    await world.stop_bot()
    await world.lose_the_database()
    await world.start_bot()

    await world.github.rerequest_check_suite(world.repo, pr.pull.head_sha)

    await pr.settled()
    assert len(pr.rule_checks()) == 4
    assert len(pr.pull.comments) == 1


async def test_after_losing_the_database_nothing_is_posted_twice(world: World) -> None:
    "Check runs and comment are recognised on GitHub itself."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    await world.stop_bot()
    await world.lose_the_database()
    await world.start_bot()
    mark = world.github.mark

    await world.github.edit_pull(pr.pull, title="Another title")

    await pr.settled()
    assert [line for line in world.github.calls_since(mark) if line.is_write] == []


async def test_a_draft_is_checked_but_not_sent_to_triagers(world: World) -> None:
    "The author of a draft learns of the verdict; the triagers get it when it is marked ready."
    pr = await world.ana.opens_pr(draft=True)
    assert "Next: you mark this draft as ready" in await pr.next_comment()
    assert pr.labels == {"skill"}

    await world.github.mark_ready(pr.pull)

    assert "Next: a triager" in await pr.edited_comment()
    assert pr.labels == {"skill", "triage-needed"}


async def test_a_closed_pull_request_is_left_alone_until_reopened(world: World) -> None:
    "A push to a closed pull request is judged when it is open again."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    await world.github.close_pull(pr.pull)
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=4)})
    await pr.settled()
    assert pr.checks() == []

    await world.github.reopen_pull(pr.pull)

    assert "Not ready yet" in await pr.next_comment()


async def test_a_force_push_is_judged_like_any_other(world: World) -> None:
    "Only the new head counts; the old commits are forgotten."
    pr = await world.ana.opens_pr(sign_off=False)
    assert "signed off" in await pr.next_comment()
    old_head = pr.pull.head_sha

    await world.ana.pushes(pr, a_good_skill(), force=True, sign_off=True)

    assert "All checks passed" in await pr.edited_comment()
    assert pr.check("Sign-off").conclusion == "success"
    assert pr.check("Sign-off", old_head).conclusion == "failure"


async def test_skill_and_knowledge_together_carry_both_labels(world: World) -> None:
    "A pull request with both kinds is both, and both are judged."
    pr = await world.ana.opens_pr(
        {
            **a_good_skill(),
            KNOWLEDGE_PATH: a_knowledge(),
            KNOWLEDGE_PATH.replace("qna.yaml", "attribution.txt"): attribution(),
        }
    )
    assert "All checks passed" in await pr.next_comment()
    assert pr.labels == {"skill", "knowledge", "triage-needed"}


async def test_other_branches_are_checked_and_told_so(world: World) -> None:
    "A pull request to another branch gets its verdict, and learns that it will not be merged."
    world.repo.branches["experiment"] = world.repo.head_sha
    pr = await world.ana.opens_pr(base="experiment")
    assert "I check it but never merge it" in await pr.next_comment()


async def test_deliveries_that_arrive_while_the_bot_is_away_are_taken_up_later(world: World) -> None:
    "What was stored but not handled when the bot stopped is handled at its next start."
    await world.stop_bot()
    await world.start_bot(handling=False)
    pr = await world.ana.opens_pr()
    await world.github.settle()
    assert pr.pull.comments == []
    await world.stop_bot()

    await world.start_bot()

    assert "All checks passed" in await pr.next_comment()


async def test_the_bot_says_whether_it_lives(world: World) -> None:
    "Both health pages answer while it serves."
    root = world.webhook_url.removesuffix("/webhooks")
    async with aiohttp.ClientSession() as session:
        for page in ("/healthz", "/readyz"):
            async with session.get(root + page) as answer:
                assert answer.status == 200
