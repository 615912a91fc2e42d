"""Jobs follow the content: a push that leaves it as it was takes nothing from what is computed of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from pydantic import SecretStr

from bot.github.client import GitHubApp
from bot.github.pacing import WriteLimits
from bot.job_documents import JobDocuments
from bot.job_inputs import JobInputs
from bot.jobs import Job
from bot.policies import Policies
from bot.store.artifacts import ArtifactRows
from bot.store.database import open_engine
from bot.store.repositories import RepositoryStore
from pipeline.artifacts import ArtifactStore
from pipeline.contract import Ending, JobReport, Outcome
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.jobs.sending_room import SendingRoom
from tests.world import PullRequest, World
from tests.world.people import a_good_skill


@pytest.fixture
async def room(world: World, tmp_path: Path) -> AsyncIterator[SendingRoom]:
    "The real engine behind the desk, and the worker's counterpart, which gathers what jobs are given from GitHub."
    await world.stop_bot()
    url, clock, settings = world.settings.database_url, world.clock, world.settings
    room = SendingRoom(database_url=url, clock=clock)
    engine = open_engine(url)
    async with room, aiohttp.ClientSession() as session:
        app = GitHubApp(
            session,
            base_url=world.github.url,
            graphql_url=f"{world.github.url}/graphql",
            app_id=1234,
            private_key=SecretStr(world.github.private_key_pem),
            clock=clock,
            write_limits=WriteLimits(60, 80, 500),
        )
        rows, store = ArtifactRows(engine), ArtifactStore(str(tmp_path / "artifacts"))
        documents = JobDocuments(rows, store, clock, lambda: None)
        policies, places = Policies(settings, clock), RepositoryStore(engine, clock)
        inputs = JobInputs(app, policies, places, rows, store, documents, room.store, clock, settings)
        room.inputs = inputs.of
        world.queue = room.engine
        await world.start_bot()
        yield room
        await world.settled()
        await world.stop_bot()
    await engine.dispose()


@pytest.fixture
async def pr(world: World, room: SendingRoom) -> PullRequest:
    "A pull request of ana's that passed its checks; tess is a triager."
    world.repo.permissions["tess"] = "triage"
    pr = await world.ana.opens_pr()
    await pr.settled()
    await room.says_hello()
    return pr


async def rebases(world: World, pr: PullRequest, message: str = "The same, rebased") -> None:
    "The author pushes the same content as another commit."
    head = pr.pull.head_sha
    await world.ana.pushes(pr, a_good_skill(), force=True, message=message)
    await pr.settled()
    assert pr.pull.head_sha != head


async def jobs_of(world: World, room: SendingRoom, pr: PullRequest) -> list[str]:
    "How the jobs stand, and at which commit, seen from the newest."
    await pr.settled()
    found = await room.engine.of_pull(world.repo.id, pr.number)
    return [f"{job.request.kind} {job.state}{_at(job, pr)}" for job in found]


def _at(job: Job, pr: PullRequest) -> str:
    return "" if job.request.head_sha == pr.pull.head_sha else " at an earlier commit"


async def test_what_waits_is_computed_at_the_new_commit(world: World, room: SendingRoom, pr: PullRequest) -> None:
    "Its message is made after the push: a worker that asks may begin."
    await world.tess.comments(pr, "/generate")
    await pr.settled()
    await rebases(world, pr)
    assert await jobs_of(world, room, pr) == ["generate queued"]
    assert await room.sends() == [1]
    assert (await room.begins(1)).is_granted
    pr.has_been_read()


async def test_a_message_that_was_out_already_is_good(world: World, room: SendingRoom, pr: PullRequest) -> None:
    "It names the earlier commit, but what it holds is the same."
    await world.tess.comments(pr, "/generate")
    await pr.settled()
    assert await room.sends() == [1]
    await rebases(world, pr)
    assert (await room.begins(1)).is_granted
    assert await jobs_of(world, room, pr) == ["generate running"]
    pr.has_been_read()


async def test_what_runs_counts_when_it_ends(world: World, room: SendingRoom, pr: PullRequest) -> None:
    "The review hears of it, and what builds on it is given what it has made."
    await world.tess.comments(pr, "/evaluate")
    await pr.settled()
    assert await room.sends() == [1]
    answer = await room.begins(1)
    await rebases(world, pr)
    store = ArtifactStore(str(world.settings.artifact_store_url))
    made = store.put("samples.jsonl", b"{}", "application/jsonl")
    outcome = Outcome(Ending.SUCCEEDED, artifacts=(made,))
    await room.leases.receive(JobReport(1, answer.attempt, "worker", 1, answer.secret, outcome=outcome))
    assert await jobs_of(world, room, pr) == ["generate succeeded", "evaluate queued"]
    await world.clock.advance(seconds=10)
    await room.says_hello()
    assert await room.sends() == [2]
    evaluation = await room.store.get(2)
    assert evaluation is not None
    assert (await room.sender.spec_of(evaluation)).inputs["made:samples.jsonl"] == made
    await world.ana.comments(pr, "/check")
    await pr.settled()
    assert "The job `generate` is done." in pr.living_comment.body
    pr.has_been_read()


async def test_what_is_done_is_not_done_again(world: World, room: SendingRoom, pr: PullRequest) -> None:
    "An evaluation counts for the new commit, and a postcheck builds on it."
    await world.tess.comments(pr, "/evaluate")
    await pr.settled()
    for _ in range(2):
        assert await room.one_is_done()
        await world.clock.advance(seconds=10)
    await rebases(world, pr)
    await world.tess.comments(pr, "/postcheck")
    states = ["generate succeeded", "evaluate succeeded", "postcheck queued"]
    assert await jobs_of(world, room, pr) == states
    pr.has_been_read()


async def test_other_content_takes_nothing_over(world: World, room: SendingRoom, pr: PullRequest) -> None:
    "What waited is superseded, what was done stays what it was: of an earlier commit. The old content finds it."
    await world.tess.comments(pr, "/generate")
    await pr.settled()
    await room.one_is_done()
    await world.tess.comments(pr, "/precheck")
    await pr.settled()
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    earlier = ["generate succeeded at an earlier commit", "precheck superseded at an earlier commit"]
    assert await jobs_of(world, room, pr) == earlier
    await rebases(world, pr, "Back to what it was")
    assert await jobs_of(world, room, pr) == ["generate succeeded", earlier[1]]
    pr.has_been_read()
