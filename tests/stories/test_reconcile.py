"""Webhooks get lost: a sweep every few minutes finds what nobody told us of, and nothing is done twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.rule_workers import RuleWorkers
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import PullRequest, World
from tests.world.people import a_good_skill


@pytest.fixture
async def pr(world: World) -> PullRequest:
    "A pull request of ana's that passed its checks; tess is a triager, apo an approver, max a maintainer."
    world.repo.permissions |= {"tess": "triage", "apo": "write", "max": "maintain"}
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    return pr


async def writes_of_a_sweep(world: World) -> list[str]:
    "What a sweep writes on GitHub."
    await world.settled()
    mark = world.github.mark
    await world.sweeps()
    return [f"{line.method} {line.path}" for line in world.github.calls_since(mark) if line.is_write]


async def test_a_lost_opening_is_found(world: World, pr: PullRequest) -> None:
    "The pull request is judged, and a command in its text is obeyed, as if the webhook had come."
    with world.no_webhooks():
        lost = await world.tess.opens_pr(
            a_good_skill("tess", SKILL_PATH.replace("skills", "skills/writing")), body="/hold"
        )
    await world.sweeps()
    assert "All checks passed" in await lost.next_comment()
    assert "hold" in lost.labels
    assert await writes_of_a_sweep(world) == []


async def test_a_lost_push_is_found(world: World, pr: PullRequest) -> None:
    "The new commit is judged."
    with world.no_webhooks():
        await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=3)})
    await world.sweeps()
    assert pr.check("Contribution").conclusion == "failure"
    assert pr.labels == {"skill", "triage-requested-changes"}
    pr.has_been_read()
    assert await writes_of_a_sweep(world) == []


async def test_a_lost_command_is_obeyed(world: World, pr: PullRequest) -> None:
    "By the same code as ever, and once."
    with world.no_webhooks():
        await world.tess.comments(pr, "/triage-approve")
    await world.sweeps()
    assert "triage-approved" in pr.labels
    pr.has_been_read()
    assert [entry.act for entry in await world.audit_of(pr)] == ["/triage-approve"]
    assert await writes_of_a_sweep(world) == []
    assert len(await world.audit_of(pr)) == 1


async def test_a_command_that_was_obeyed_is_not_obeyed_again(world: World, pr: PullRequest) -> None:
    "Comments whose webhooks came are known, also those with a typing mistake."
    await world.tess.comments(pr, "/hold")
    await world.tess.comments(pr, "/unhold")
    await world.tess.comments(pr, "/triage-aprove")
    assert "Did you mean" in await pr.next_comment()
    assert await writes_of_a_sweep(world) == []
    assert "hold" not in pr.labels
    pr.has_been_read()


async def test_a_lost_comment_that_was_edited_never_runs(world: World, pr: PullRequest) -> None:
    "Nobody can tell any more what it said at first."
    with world.no_webhooks():
        comment = await world.github.comment(pr.pull, "tess", "Looks good.")
        await world.clock.advance(minutes=1)
        await world.github.edit_comment(comment, "/triage-approve")
    assert await writes_of_a_sweep(world) == []
    assert pr.labels == {"skill", "triage-needed"}


async def test_a_command_lost_together_with_a_push_is_refused(world: World, pr: PullRequest) -> None:
    "Whoever wrote it may have seen another commit than the one that is there."
    with world.no_webhooks():
        await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
        await world.clock.advance(minutes=1)
        await world.tess.comments(pr, "/triage-approve")
    await world.sweeps()
    assert "The branch moved" in await pr.next_comment()
    assert "triage-approved" not in pr.labels
    pr.has_been_read()


async def test_what_is_only_minutes_old_is_left_to_its_webhook(world: World, pr: PullRequest) -> None:
    "A sweep does not overtake what is still on its way."
    with world.no_webhooks():
        await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=3)})
        await world.tess.comments(pr, "/hold")
    await world.sweeper.sweep()
    assert pr.labels == {"skill", "triage-needed"}
    await world.sweeps()
    assert pr.labels == {"skill", "triage-requested-changes", "hold"}
    pr.has_been_read()


async def test_a_lost_label_of_somebody_who_may_counts(world: World, pr: PullRequest) -> None:
    "It is the event that it would have been."
    with world.no_webhooks():
        await world.github.label(pr.pull, "hold", by="tess")
    await world.sweeps()
    assert pr.labels == {"skill", "triage-needed", "hold"}
    assert [(e.actor, e.act) for e in await world.audit_of(pr)] == [("tess", "label +hold")]
    with world.no_webhooks():
        await world.github.unlabel(pr.pull, "hold", by="tess")
    await world.sweeps()
    assert pr.labels == {"skill", "triage-needed"}
    assert await writes_of_a_sweep(world) == []
    pr.has_been_read()


async def test_a_lost_label_of_somebody_who_may_not_is_put_right(world: World, pr: PullRequest) -> None:
    "And the reason is said, once."
    with world.no_webhooks():
        await world.github.label(pr.pull, "ready-to-merge", by="mallory")
        await world.github.unlabel(pr.pull, "triage-needed", by="mallory")
    await world.sweeps()
    assert pr.labels == {"skill", "triage-needed"}
    assert "ready-to-merge" in await pr.next_comment()
    pr.has_been_read()
    assert await writes_of_a_sweep(world) == []


async def test_a_draft_that_became_ready_unheard_is_given_to_triage(world: World) -> None:
    "The label says that it waits for a triager."
    pr = await world.ana.opens_pr(draft=True)
    await pr.next_comment()
    assert pr.labels == {"skill"}
    with world.no_webhooks():
        await world.github.mark_ready(pr.pull)
    await world.sweeps()
    assert pr.labels == {"skill", "triage-needed"}
    pr.has_been_read()


async def test_a_lost_closing_is_found(world: World, pr: PullRequest) -> None:
    "What waited on it ends; opened again unheard, it is taken up again."
    with world.no_webhooks():
        await world.github.close_pull(pr.pull)
    [found] = await world.sweeps()
    assert (found.listed, found.closed) == (0, 1)
    assert (await world.sweeps())[0].closed == 0
    with world.no_webhooks():
        await world.github.reopen_pull(pr.pull)
    [found] = await world.sweeps()
    assert (found.listed, found.refreshed) == (1, 1)
    assert await writes_of_a_sweep(world) == []


async def test_a_lost_merge_is_thanked_for(world: World, pr: PullRequest) -> None:
    "Somebody pressed the button, and nobody told us."
    with world.no_webhooks():
        await world.github.merge_pull(pr.pull, by="max")
    await world.sweeps()
    assert "Merged. Thank you" in await pr.edited_comment()


async def test_a_report_half_done_is_finished(world: World) -> None:
    "GitHub was down until the delivery was given up: the sweep goes on where it stopped."
    world.repo.permissions |= {"tess": "triage"}
    world.github.fail_next("POST", r"/issues/1/comments$", status=502, times=8)
    pr = await world.ana.opens_pr()
    await world.while_time_passes(hours=1)
    assert not pr.pull.comments
    await world.sweeps()
    assert "All checks passed" in await pr.next_comment()
    assert len({run.name for run in pr.checks()}) == len(pr.checks())
    assert await writes_of_a_sweep(world) == []


async def test_a_refused_merge_is_tried_again_once_the_way_is_clear(world: World, pr: PullRequest) -> None:
    "Not before: nothing is retried blindly."
    world.repo.required_approving_reviews = 1
    await world.tess.comments(pr, "/triage-approve")
    await world.apo.comments(pr, "/approve")
    await pr.settled()
    assert "ready-to-merge" in pr.labels
    assert not pr.pull.merged
    pr.has_been_read()
    await world.sweeps()
    mark = world.github.mark
    await world.sweeps()
    assert not [line for line in world.github.calls_since(mark) if line.is_write]
    world.repo.required_approving_reviews = 0
    await world.sweeps()
    assert pr.pull.merged
    pr.has_been_read()


async def test_sixty_open_pull_requests_with_nothing_changed_cost_a_handful_of_calls(world: World) -> None:
    "GitHub's deliveries, the list, the repository, its policy, its comments: nothing for each pull request."
    prs = [
        await world.ana.opens_pr(a_good_skill("ana", f"compositional_skills/leaf_{n}/qna.yaml")) for n in range(60)
    ]
    await world.while_time_passes(hours=1)
    await world.sweeps()
    mark = world.github.mark
    [found] = await world.sweeps()
    lines = world.github.calls_since(mark)
    assert (found.listed, found.refreshed) == (60, 0)
    assert len([line for line in lines if not line.route.endswith("/access_tokens")]) <= 5
    assert not [line for line in lines if line.is_write]
    for pr in prs:
        pr.has_been_read()


async def test_two_sweeps_never_overlap(world: World, pr: PullRequest) -> None:
    "Asked for a second one meanwhile, the sweeper declines."
    world.github.delay(0.05)
    first = asyncio.create_task(world.sweeper.sweep())
    while not world.sweeper.is_sweeping:
        await asyncio.sleep(0.001)
    assert await world.sweeper.sweep() == []
    assert len(await first) == 1


@pytest.fixture
async def sweeping_world(database_url: str, rule_workers: RuleWorkers) -> AsyncIterator[World]:
    """A world whose bot sweeps by itself, every five minutes."""
    async with World(database_url, rule_workers, sweep_minutes=5) as world:
        yield world


async def test_sweeps_come_by_themselves(sweeping_world: World) -> None:
    "A minute after the start, then every five minutes, and a failing one does not end them."
    world = sweeping_world
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    await world.one_sweep_passes()
    world.github.fail_next("GET", r"^/repositories/", status=500, times=3)
    await world.one_sweep_passes()
    with world.no_webhooks():
        await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=3)})
    await world.one_sweep_passes()
    assert pr.check("Contribution").conclusion == "failure"
    pr.has_been_read()


async def test_stopping_in_the_middle_of_a_sweep_loses_nothing(world: World, pr: PullRequest) -> None:
    "The next start finds what is left."
    others = [
        await world.ana.opens_pr(a_good_skill("ana", f"compositional_skills/leaf_{n}/qna.yaml")) for n in range(4)
    ]
    await world.settled()
    with world.no_webhooks():
        for other in others:
            await world.ana.pushes(other, {"README.md": "# Other\n"})
    await world.clock.advance(minutes=5)
    world.github.delay(0.02)
    sweep = asyncio.create_task(world.sweeper.sweep())
    mark = world.github.mark
    while not any(line.is_write for line in world.github.calls_since(mark)):
        await asyncio.sleep(0.001)
    sweep.cancel()
    await world.stop_bot()
    world.github.delay(0)
    await world.start_bot()
    await world.sweeps()
    for other in others:
        assert "documentation" in other.labels
        other.has_been_read()
    assert await writes_of_a_sweep(world) == []


async def test_a_pull_request_that_fails_does_not_stop_the_others(world: World, pr: PullRequest) -> None:
    "GitHub answers nonsense about one: the one behind it is swept all the same, the first one next time."
    other = await world.ana.opens_pr(a_good_skill("ana", "compositional_skills/leaf/qna.yaml"))
    await other.next_comment()
    with world.no_webhooks():
        await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=3)})
        await world.ana.pushes(other, {"compositional_skills/leaf/qna.yaml": a_skill(seed_examples=3)})
    world.github.fail_next("GET", r"/pulls/1$", status=422, times=1)
    [found] = await world.sweeps()
    assert found.failed == 1
    assert pr.labels == {"skill", "triage-needed"}
    assert other.labels == {"skill", "triage-requested-changes"}
    await world.sweeps()
    assert pr.labels == {"skill", "triage-requested-changes"}
    pr.has_been_read()
    other.has_been_read()


async def test_a_broken_repository_does_not_stop_the_others(world: World, pr: PullRequest) -> None:
    "One repository is gone or forbidden: the others are swept."
    second = world.github.create_repository("instruct/knowledge", {"README.md": "# Knowledge\n"})
    await world.stop_bot()
    await world.start_bot(repositories=frozenset({world.repo.id, second.id}))
    pull = await world.github.open_pull(second, author="ana", files=a_good_skill())
    await world.settled()
    assert "triage-needed" in pull.labels
    with world.no_webhooks():
        await world.github.push(pull, {SKILL_PATH: a_skill(seed_examples=3)})
    world.github.fail_next("GET", rf"^/repositories/{world.repo.id}$", status=404, times=1_000)
    assert len(await world.sweeps()) == 1
    assert "triage-requested-changes" in pull.labels


async def test_a_renamed_repository_is_followed(world: World, pr: PullRequest) -> None:
    "Its number outlives the name: the sweep finds it without a webhook."
    state = world.github.state
    state.repositories["instruct/skills"] = state.repositories.pop("instruct/taxonomy")
    world.repo.name = "skills"
    world.repo.url_payload.clear()
    with world.no_webhooks():
        await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=3)})
    await world.sweeps()
    assert pr.labels == {"skill", "triage-requested-changes"}
    pr.has_been_read()
