"""Jobs by command: who may have what computed, when it is refused, and how it ends."""

from __future__ import annotations

from datetime import datetime

import pytest

from bot.jobs import Job, JobKind, JobRequest, JobState, JobsUnavailableError
from checks.contribution import Sha
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import PullRequest, World
from tests.world.people import a_good_skill

COMMANDS = ("/precheck", "/generate", "/evaluate", "/postcheck")
WITH_WHAT_IT_BUILDS_ON = {
    "precheck": ("precheck",),
    "generate": ("generate",),
    "evaluate": ("generate", "evaluate"),
    "postcheck": ("generate", "evaluate", "postcheck"),
}
KINDS = tuple(command.removeprefix("/") for command in COMMANDS)


@pytest.fixture
async def pr(world: World) -> PullRequest:
    "A pull request of ana's that passed its checks; tess is a triager, max a maintainer."
    world.repo.permissions |= {"tess": "triage", "max": "maintain"}
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    return pr


async def jobs_of(world: World, pr: PullRequest) -> tuple[Job, ...]:
    "The jobs of a pull request, once all is settled."
    await pr.settled()
    return await world.jobs.of_pull(world.repo.id, pr.number)


async def states_of(world: World, pr: PullRequest) -> list[str]:
    return [f"{job.request.kind} {job.state}" for job in await jobs_of(world, pr)]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_triager_has_something_computed(world: World, pr: PullRequest, kind: str) -> None:
    "The job is queued for the commit that was seen, the label says so, and the living comment shows the job."
    await world.tess.comments(pr, f"/{kind}")
    jobs = await jobs_of(world, pr)
    assert tuple(job.request.kind.value for job in jobs) == WITH_WHAT_IT_BUILDS_ON[kind]
    assert {(job.state, job.request.asked_by) for job in jobs} == {(JobState.QUEUED, "tess")}
    assert {job.request.head_sha for job in jobs} == {pr.pull.head_sha}
    assert "precheck-generate-ready" in pr.labels
    assert f"Being computed: {jobs[0].request.kind} (next in the queue)" in await pr.edited_comment()


async def test_what_is_done_already_is_not_done_again(world: World, pr: PullRequest) -> None:
    "An evaluation takes the data set that is there; one that came to nothing is made anew."
    await world.tess.comments(pr, "/generate")
    await jobs_of(world, pr)
    world.jobs.finish(1, JobState.SUCCEEDED)
    await world.tess.comments(pr, "/evaluate")
    assert await states_of(world, pr) == ["generate succeeded", "evaluate queued"]
    world.jobs.finish(2, JobState.INFRA_ERROR)
    await world.tess.comments(pr, "/postcheck")
    states = ["generate succeeded", "evaluate infrastructure error", "evaluate queued", "postcheck queued"]
    assert await states_of(world, pr) == states
    pr.has_been_read()


async def test_a_chain_is_queued_whole_or_not_at_all(
    world: World, pr: PullRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    "The budget bears the data set and no evaluation: nothing is begun for nothing."
    submit = world.jobs.submit

    async def within_the_budget(request: JobRequest, at: datetime) -> Job:
        if request.kind is JobKind.EVALUATE:
            raise JobsUnavailableError("The GPU hours of this day are spent.")
        return await submit(request, at)

    monkeypatch.setattr(world.jobs, "submit", within_the_budget)
    await world.tess.comments(pr, "/evaluate")
    assert "The GPU hours of this day are spent." in await pr.next_comment()
    assert await states_of(world, pr) == ["generate cancelled"]
    pr.has_been_read()


async def test_asked_twice_it_is_queued_once(world: World, pr: PullRequest) -> None:
    "By two people, in two comments, with other words behind the command."
    await world.tess.comments(pr, "/generate\n/generate")
    await world.max.comments(pr, "/generate again")
    assert await states_of(world, pr) == ["generate queued"]
    pr.has_been_read()


async def test_several_jobs_are_shown_with_their_place(world: World, pr: PullRequest) -> None:
    "`/status` lists each with its number and place; the living comment has one line for all."
    await world.tess.comments(pr, "/precheck\n/generate")
    await jobs_of(world, pr)
    world.jobs.begin(1)
    await world.mallory.comments(pr, "/status")
    status = await pr.next_comment()
    head = pr.pull.head_sha[:7]
    assert f"Job 1, precheck at `{head}`: running" in status
    assert f"Job 2, generate at `{head}`: next in the queue" in status
    await world.ana.comments(pr, "/check")
    assert "Being computed: precheck (running), generate (next in the queue)." in await pr.edited_comment()


async def test_the_queue_is_one_for_all(world: World, pr: PullRequest) -> None:
    "The second pull request waits behind the first."
    other = await world.bob.opens_pr()
    await other.next_comment()
    await world.tess.comments(pr, "/generate")
    await pr.settled()
    await world.clock.advance(seconds=1)
    await world.tess.comments(other, "/generate")
    assert "(2nd in the queue)" in await other.edited_comment()
    pr.has_been_read()


@pytest.mark.parametrize("kind", KINDS)
async def test_failing_checks_get_no_gpu(world: World, pr: PullRequest, kind: str) -> None:
    "Neither before they have passed, nor again after a push that broke them."
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=3)})
    await pr.next_comment()
    await world.tess.comments(pr, f"/{kind}")
    assert "no GPU is spent on it yet" in await pr.next_comment()
    assert await jobs_of(world, pr) == ()
    assert "precheck-generate-ready" not in pr.labels


async def test_a_closed_pull_request_gets_no_gpu(world: World, pr: PullRequest) -> None:
    "Nobody waits for the result."
    await world.github.close_pull(pr.pull)
    await world.tess.comments(pr, "/generate")
    assert "closed: nothing is computed" in await pr.next_comment()
    assert await jobs_of(world, pr) == ()


async def test_another_branch_gets_no_gpu(world: World, pr: PullRequest) -> None:
    "Models are built from the default branch only."
    world.repo.branches["next"] = world.repo.head_sha
    other = await world.bob.opens_pr(base="next")
    await other.next_comment()
    await world.tess.comments(other, "/generate")
    assert "not for the branch that models are built from" in await other.next_comment()
    assert await jobs_of(world, other) == ()


async def test_what_teaches_nothing_gets_no_gpu(world: World, pr: PullRequest) -> None:
    "A change of the documentation has nothing to compute."
    docs = await world.bob.opens_pr({"docs/guide.md": "# Guide\n"})
    await docs.next_comment()
    await world.tess.comments(docs, "/evaluate")
    assert "there is nothing to compute" in await docs.next_comment()
    assert await jobs_of(world, docs) == ()


@pytest.mark.parametrize("kind", KINDS)
async def test_only_triagers_spend_gpu_hours(world: World, pr: PullRequest, kind: str) -> None:
    "Neither an outsider nor the author."
    for person in (world.mallory, world.ana):
        await person.comments(pr, f"/{kind}")
        assert "Only a triager may do this." in await pr.next_comment()
    assert await jobs_of(world, pr) == ()


async def test_the_author_cancels_the_own_jobs(world: World, pr: PullRequest) -> None:
    "All of them at once; an outsider is told who may."
    await world.tess.comments(pr, "/precheck\n/generate")
    await pr.edited_comment()
    await world.mallory.comments(pr, "/cancel")
    assert "Only the author or a triager may do this." in await pr.next_comment()
    await world.ana.comments(pr, "/cancel")
    assert await states_of(world, pr) == ["precheck cancelled", "generate cancelled"]
    comment = await pr.edited_comment()
    assert "The job `generate` was cancelled." in comment
    assert "Being computed" not in comment


async def test_one_job_is_cancelled_by_its_number(world: World, pr: PullRequest) -> None:
    "The other goes on; a number of another pull request, or one that is over, is refused."
    await world.tess.comments(pr, "/precheck\n/generate")
    await pr.edited_comment()
    await world.tess.comments(pr, "/cancel #1")
    assert await states_of(world, pr) == ["precheck cancelled", "generate queued"]
    assert "Being computed: generate (next in the queue)." in await pr.edited_comment()
    await world.tess.comments(pr, "/cancel 1")
    assert "Job 1 is over already: cancelled." in await pr.next_comment()
    await world.tess.comments(pr, "/cancel 7")
    assert "no such job. Its jobs: 1, 2." in await pr.next_comment()


async def test_where_nothing_runs_nothing_is_cancelled(world: World, pr: PullRequest) -> None:
    "That is said, rather than thumbs up for nothing."
    await world.tess.comments(pr, "/cancel")
    assert "No job of this pull request is waiting or running." in await pr.next_comment()


async def test_the_label_set_by_hand_has_data_generated(world: World, pr: PullRequest) -> None:
    "By a triager it is `/generate`; taken off again, what it let through is cancelled."
    await world.github.label(pr.pull, "precheck-generate-ready", by="tess")
    assert await states_of(world, pr) == ["generate queued"]
    assert "Being computed: generate" in await pr.edited_comment()
    assert "precheck-generate-ready" in pr.labels
    await world.github.unlabel(pr.pull, "precheck-generate-ready", by="tess")
    assert await states_of(world, pr) == ["generate cancelled"]
    assert "was cancelled" in await pr.edited_comment()
    assert "precheck-generate-ready" not in pr.labels


async def test_the_label_of_a_stranger_starts_nothing(world: World, pr: PullRequest) -> None:
    "A workflow of the fork may set it; it is put right and the reason said."
    await world.github.label(pr.pull, "precheck-generate-ready", by="github-actions[bot]")
    assert "I have put that right" in await pr.next_comment()
    assert await jobs_of(world, pr) == ()
    assert "precheck-generate-ready" not in pr.labels


async def test_a_push_supersedes(world: World, pr: PullRequest) -> None:
    "What is computed for content that is no longer there is for nothing; it has to be let through anew."
    await world.tess.comments(pr, "/precheck\n/generate")
    await jobs_of(world, pr)
    world.jobs.begin(1)
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    assert await states_of(world, pr) == ["precheck superseded", "generate superseded"]
    assert "Being computed" not in await pr.edited_comment()
    assert "precheck-generate-ready" not in pr.labels


async def test_a_push_that_changes_nothing_supersedes_nothing(world: World, pr: PullRequest) -> None:
    "The same content under another commit: the job goes on."
    await world.tess.comments(pr, "/generate")
    await jobs_of(world, pr)
    await world.ana.pushes(pr, a_good_skill(), force=True, message="The same, rebased")
    (job,) = await jobs_of(world, pr)
    assert (job.state, job.request.head_sha) == (JobState.QUEUED, pr.pull.head_sha)
    assert "precheck-generate-ready" in pr.labels
    pr.has_been_read()


async def test_a_sweep_finds_jobs_that_were_left_behind(world: World, pr: PullRequest) -> None:
    "Whatever lost them: what the head holds is theirs."
    await world.tess.comments(pr, "/generate")
    (job,) = await jobs_of(world, pr)
    content = job.request.content_digest
    await world.jobs.follow(world.repo.id, pr.number, Sha("0" * 40), content)
    await world.sweeps()
    (job,) = await jobs_of(world, pr)
    assert job.request.head_sha == pr.pull.head_sha
    pr.has_been_read()


async def test_closing_supersedes(world: World, pr: PullRequest) -> None:
    "Nobody waits for it any more."
    await world.tess.comments(pr, "/generate")
    await jobs_of(world, pr)
    await world.github.close_pull(pr.pull)
    assert await states_of(world, pr) == ["generate superseded"]
    pr.has_been_read()


async def test_a_rejection_cancels(world: World, pr: PullRequest) -> None:
    "What cannot be accepted needs no data."
    await world.tess.comments(pr, "/generate\n/reject the model knows this already")
    assert await states_of(world, pr) == ["generate cancelled"]
    pr.has_been_read()


ENDS = {
    JobState.SUCCEEDED: "The job `generate` is done.",
    JobState.FAILED_BY_CONTRIBUTION: "could make nothing of these examples",
    JobState.INFRA_ERROR: "broke down: our fault, not yours",
    JobState.TIMED_OUT: "took too long",
}


@pytest.mark.parametrize("end", ENDS)
async def test_the_living_comment_tells_how_a_job_ended(world: World, pr: PullRequest, end: JobState) -> None:
    "In a line, with what helps."
    await world.tess.comments(pr, "/generate")
    await pr.edited_comment()
    world.jobs.begin(1)
    world.jobs.finish(1, end)
    await world.ana.comments(pr, "/check")
    assert ENDS[end] in await pr.edited_comment()


@pytest.mark.parametrize(
    "end", [JobState.FAILED_BY_CONTRIBUTION, JobState.INFRA_ERROR, JobState.TIMED_OUT, JobState.CANCELLED]
)
async def test_what_came_to_nothing_is_tried_again(world: World, pr: PullRequest, end: JobState) -> None:
    "The same job is queued anew, by its number or as the newest."
    await world.tess.comments(pr, "/generate")
    await jobs_of(world, pr)
    world.jobs.finish(1, end)
    await world.tess.comments(pr, "/retry")
    assert await states_of(world, pr) == ["generate queued"]
    world.jobs.finish(1, end)
    await world.tess.comments(pr, "/retry 1")
    assert await states_of(world, pr) == ["generate queued"]
    assert "precheck-generate-ready" in pr.labels
    pr.has_been_read()


async def test_what_cannot_be_retried(world: World, pr: PullRequest) -> None:
    "Nothing there, still going, done, not a job of this one: each says what is the matter."
    await world.tess.comments(pr, "/retry")
    assert "No job of this pull request has ended." in await pr.next_comment()
    await world.tess.comments(pr, "/generate")
    await pr.edited_comment()
    await world.tess.comments(pr, "/retry 1")
    assert "Job 1 is not over: queued. `/cancel 1` ends it." in await pr.next_comment()
    world.jobs.finish(1, JobState.SUCCEEDED)
    await world.tess.comments(pr, "/retry 1")
    assert "has nothing to retry: succeeded" in await pr.next_comment()
    await world.tess.comments(pr, "/retry 9")
    assert "no such job" in await pr.next_comment()
    for person in (world.mallory, world.ana):
        await person.comments(pr, "/retry")
        assert "Only a triager may do this." in await pr.next_comment()


async def test_a_retry_for_an_older_commit_is_refused(world: World, pr: PullRequest) -> None:
    "It names the command that starts one for the newest."
    await world.tess.comments(pr, "/generate")
    await jobs_of(world, pr)
    world.jobs.finish(1, JobState.INFRA_ERROR)
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await pr.edited_comment()
    await world.tess.comments(pr, "/retry")
    assert "was for an older commit: `/generate` starts one" in await pr.next_comment()


async def test_a_retry_of_what_is_closed_is_refused(world: World, pr: PullRequest) -> None:
    "A job that failed before is not brought back to life."
    await world.tess.comments(pr, "/generate")
    await pr.edited_comment()
    world.jobs.finish(1, JobState.INFRA_ERROR)
    await world.github.close_pull(pr.pull)
    await world.tess.comments(pr, "/retry")
    assert "closed: nothing is computed" in await pr.next_comment()
    assert await states_of(world, pr) == ["generate infrastructure error"]
    pr.has_been_read()


async def test_a_job_that_was_cancelled_stays_so(world: World, pr: PullRequest) -> None:
    "A worker's late report changes nothing."
    await world.tess.comments(pr, "/generate")
    await jobs_of(world, pr)
    await world.tess.comments(pr, "/cancel")
    await pr.settled()
    assert world.jobs.begin(1).state is JobState.CANCELLED
    assert world.jobs.finish(1, JobState.SUCCEEDED).state is JobState.CANCELLED
    with pytest.raises(ValueError, match="no end"):
        world.jobs.finish(1, JobState.RUNNING)
    pr.has_been_read()


@pytest.mark.parametrize("kind", [*KINDS, "retry"])
async def test_a_job_is_for_the_commit_that_was_seen(world: World, pr: PullRequest, kind: str) -> None:
    "The branch moves while the triager writes: nothing is queued for what nobody has looked at."
    await world.stop_bot()
    await world.start_bot(handling=False)
    await world.tess.comments(pr, f"/{kind}")
    await world.clock.advance(minutes=1)
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await world.github.settle()
    await world.stop_bot()
    await world.start_bot()
    assert "The branch moved" in await pr.next_comment()
    assert await jobs_of(world, pr) == ()
    pr.has_been_read()


async def test_a_lost_answer_queues_nothing_twice(world: World, pr: PullRequest) -> None:
    "The reaction got lost, the delivery is tried again: still one job."
    world.github.drop_next_response("POST", r"/reactions$")
    world.github.fail_next("PATCH", r"/issues/comments/\d+$", status=500)
    await world.tess.comments(pr, "/generate")
    await world.while_time_passes(minutes=5)
    assert await states_of(world, pr) == ["generate queued"]
    assert "Being computed: generate" in await pr.edited_comment()


async def test_jobs_outlive_a_restart_of_the_bot(world: World, pr: PullRequest) -> None:
    "The queue is not the bot's memory."
    await world.tess.comments(pr, "/generate")
    await pr.edited_comment()
    await world.stop_bot()
    await world.start_bot()
    await world.tess.comments(pr, "/status")
    assert "next in the queue" in await pr.next_comment()


async def test_closing_leaves_no_word_of_what_is_being_computed(world: World, pr: PullRequest) -> None:
    "Nobody edits the comment of what is closed later, so the line goes at once; opened again, all is decided anew."
    await world.tess.comments(pr, "/generate")
    assert "Being computed: generate" in await pr.edited_comment()
    await world.github.close_pull(pr.pull)
    comment = await pr.edited_comment()
    assert "Being computed" not in comment
    assert "All checks passed" in comment
    await world.github.reopen_pull(pr.pull)
    await pr.settled()
    assert "Being computed" not in pr.living_comment.body
    pr.has_been_read()
