"""The button "Re-run" beside a job's check run does what `/retry` does, for those who may."""

from __future__ import annotations

import pytest

from bot.jobs import JobState
from bot.simulator import CheckRun
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import PullRequest, World
from tests.world.people import a_good_skill


@pytest.fixture
async def pr(world: World) -> PullRequest:
    "A pull request of ana's with a job that broke down; tess is a triager."
    world.repo.permissions["tess"] = "triage"
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    await world.tess.comments(pr, "/generate")
    await pr.edited_comment()
    world.jobs.finish(1, JobState.INFRA_ERROR)
    return pr


def shown(world: World, pr: PullRequest, external_id: str = "job:1") -> CheckRun:
    "The check run of the job, as the bot has shown it."
    fields = {"external_id": external_id, "status": "completed", "conclusion": "neutral"}
    return world.github._changes.add_check_run(world.repo, pr.pull.head_sha, "Generate", fields)


async def state_of(world: World, pr: PullRequest) -> JobState:
    "How the job stands once all is settled."
    await pr.settled()
    (job,) = await world.jobs.of_pull(world.repo.id, pr.number)
    return job.state


async def test_a_triager_has_a_job_run_again(world: World, pr: PullRequest) -> None:
    "Without a word: the living comment shows it, the audit knows it, and no other check runs again."
    await world.github.rerequest_check_run(shown(world, pr).id, by="tess")
    assert await state_of(world, pr) is JobState.QUEUED
    assert "Being computed" in pr.living_comment.body
    assert [comment for comment in pr.pull.comments if comment.by_app] == [pr.living_comment]
    assert [(e.actor, e.act, e.result) for e in await world.audit_of(pr)][-1] == ("tess", "/retry", "done")
    assert [run.name for run in pr.rule_checks()] == ["Contribution", "Sign-off", "Generate"]
    pr.has_been_read()


@pytest.mark.parametrize("login", ["ana", "mallory"])
async def test_who_may_not_is_told_so_kindly(world: World, pr: PullRequest, login: str) -> None:
    "GPU hours are a triager's to spend, by button as by command."
    await world.github.rerequest_check_run(shown(world, pr).id, by=login)
    said = (
        f'`{login}`, thank you for the look at job 1. "Re-run" did not start it again: Only a triager may do this.'
    )
    assert said in await pr.next_comment()
    assert await state_of(world, pr) is JobState.INFRA_ERROR


async def test_no_bot_presses_buttons(world: World, pr: PullRequest) -> None:
    "A workflow of the fork could otherwise spend GPU hours."
    await world.github.rerequest_check_run(shown(world, pr).id, by="github-actions[bot]")
    assert "Only a triager may do this, and no bot." in await pr.next_comment()
    assert await state_of(world, pr) is JobState.INFRA_ERROR


async def test_what_is_done_is_not_run_again(world: World, pr: PullRequest) -> None:
    "There is nothing to retry; pressed twice while it waits, the second one hears that it does."
    run = shown(world, pr)
    await world.github.rerequest_check_run(run.id, by="tess")
    await pr.settled()
    await world.github.rerequest_check_run(run.id, by="tess")
    assert "Job 1 is not over: queued." in await pr.next_comment()
    world.jobs.finish(1, JobState.SUCCEEDED)
    await world.github.rerequest_check_run(run.id, by="tess")
    assert "Job 1 has nothing to retry: succeeded." in await pr.next_comment()
    pr.has_been_read()


async def test_a_job_of_an_older_commit_is_not_run_again(world: World, pr: PullRequest) -> None:
    "The word names the command for what is there now."
    run = shown(world, pr)
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await pr.edited_comment()
    await world.github.rerequest_check_run(run.id, by="tess")
    assert "was for an older commit: `/generate` starts one for the newest." in await pr.next_comment()
    assert await state_of(world, pr) is JobState.INFRA_ERROR


async def test_a_closed_pull_request_is_not_computed_by_button(world: World, pr: PullRequest) -> None:
    "Nobody waits for the result."
    run = shown(world, pr)
    await world.github.close_pull(pr.pull)
    await pr.settled()
    await world.github.rerequest_check_run(run.id, by="tess")
    assert "closed: nothing is computed for it" in await pr.next_comment()
    assert await state_of(world, pr) is JobState.INFRA_ERROR
    pr.has_been_read()


@pytest.mark.parametrize("external_id", ["job:2", "job:0", "job:99999999999999999999", "job:1 ", "job:"])
async def test_a_job_that_nobody_knows_starts_nothing(world: World, pr: PullRequest, external_id: str) -> None:
    "After losing the database, say: no word, for nobody knows what it was."
    await world.github.rerequest_check_run(shown(world, pr, external_id).id, by="tess")
    assert await state_of(world, pr) is JobState.INFRA_ERROR
    pr.has_been_read()


async def test_a_lost_answer_runs_nothing_twice(world: World, pr: PullRequest) -> None:
    "The word got lost, the delivery is tried again: it is said once."
    world.github.fail_next("POST", r"/comments$", status=500)
    await world.github.rerequest_check_run(shown(world, pr).id, by="mallory")
    await world.while_time_passes(minutes=5)
    assert "Only a triager may do this." in await pr.next_comment()
    assert await state_of(world, pr) is JobState.INFRA_ERROR


async def test_the_button_at_a_commit_that_the_job_has_left(world: World, pr: PullRequest) -> None:
    "The job runs again at the newest commit, which holds the same; where the button was, that is said once more."
    left, run = pr.pull.head_sha, shown(world, pr)
    await world.ana.pushes(pr, a_good_skill(), force=True, message="The same, rebased")
    await pr.settled()
    await world.github.rerequest_check_run(run.id, by="tess")
    assert await state_of(world, pr) is JobState.QUEUED
    (job,) = await world.jobs.of_pull(world.repo.id, pr.number)
    assert job.request.head_sha == pr.pull.head_sha
    told = pr.check("Generate", left)
    assert (told.status, told.conclusion) == ("completed", "neutral")
    assert told.title == "It goes on at the newest commit"
    pr.has_been_read()
