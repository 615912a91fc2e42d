"""Whatever GitHub answers to a write or before it: nothing is lost, and nothing is written twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import aiohttp
import pytest
from pydantic import SecretStr

from bot.clock import MovableClock
from bot.github.client import GitHubApp
from bot.github.errors import TransientError
from bot.github.gate import About
from bot.github.pacing import WriteLimits
from bot.simulator import Simulator
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import World
from tests.world.people import a_good_skill

AppAt = Callable[[Simulator, aiohttp.ClientSession, MovableClock], GitHubApp]
CUT_SHORT = '{"id": 17, "node_id": "IC_kw'


async def test_the_budget_of_the_hour_is_waited_for(world: World) -> None:
    "REST says 403 with nothing remaining: the report comes when the hour is over, by our clock, not after tries."
    resets_at = int(world.clock.now().timestamp()) + 1_800
    spent = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(resets_at)}
    world.github.fail_next("POST", r"/labels$", status=403, body='{"message": "limit"}', headers=spent)
    pr = await world.ana.opens_pr()
    await world.while_time_passes(hours=1)

    assert "All checks passed" in await pr.next_comment()
    tries = [line for line in world.github.requests if line.method == "POST" and line.path.endswith("/labels")]
    assert [line.status for line in tries] == [403, 200]
    assert world.clock.now().timestamp() >= resets_at


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", r"/pulls/1$", 200), ("POST", r"/issues/1/comments$", 201), ("POST", r"/graphql$", 200)],
    ids=["a read", "a comment", "check runs"],
)
async def test_an_answer_cut_short_is_no_answer(world: World, method: str, path: str, status: int) -> None:
    "The JSON ends in the middle: what we know is read again, and each thing is there once at the end."
    world.github.fail_next(method, path, status=status, body=CUT_SHORT)
    pr = await world.ana.opens_pr()
    await world.while_time_passes(minutes=5)

    assert "All checks passed" in await pr.next_comment()
    assert len(pr.pull.comments) == 1
    assert sorted(run.name for run in pr.rule_checks()) == ["Contribution", "Sign-off"]


async def test_a_check_run_that_is_not_found_right_after_it_was_made_is_filled_later(world: World) -> None:
    "More annotations than fit into the creation are sent on; a 404 in between is a matter of seconds."
    world.github.fail_next("PATCH", r"/check-runs/\d+$", status=404, body="{}", times=2)
    seeds = [{"question": f"Question {n}?", "answer": True} for n in range(120)]
    pr = await world.ana.opens_pr({**a_good_skill(), SKILL_PATH: a_skill(seed_examples=seeds)})
    await world.while_time_passes(minutes=5)

    assert len(pr.check("Contribution").annotations) >= 120
    assert [run.name for run in pr.rule_checks()] == ["Contribution", "Sign-off"]
    pr.has_been_read()


async def test_a_comment_that_is_listed_is_not_taken_for_deleted(world: World) -> None:
    "GitHub does not find our comment, yet lists it: we edit it a moment later, and write no second one."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    world.github.fail_next("PATCH", r"/issues/comments/\d+$", status=404, body="{}")
    await world.github.edit_pull(pr.pull, title="Another title")
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await world.while_time_passes(minutes=5)

    assert len(pr.pull.comments) == 1
    pr.has_been_read()


async def test_a_pull_request_that_is_not_found_right_after_it_was_opened_is_found_later(world: World) -> None:
    "The webhook is quicker than GitHub's own copies: the next sweep judges it."
    world.github.fail_next("GET", r"/pulls/1$", status=404, body="{}")
    pr = await world.ana.opens_pr()
    await world.settled()
    assert pr.checks() == []
    await world.sweeps()
    await world.sweeps()

    assert "All checks passed" in await pr.next_comment()


async def test_a_renamed_repository_is_followed(world: World) -> None:
    "Webhooks and memories still name the old one: GitHub sends us on, and all is done once."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    await world.stop_bot()
    await world.start_bot(handling=False)
    world.repo.permissions |= {"tess": "triage"}
    await world.tess.comments(pr, "/hold")
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=3)})
    await world.github.settle()
    world.github.rename_repository(world.repo, "knowledge")
    await world.stop_bot()
    await world.start_bot()
    await world.settled()

    assert pr.check("Contribution").conclusion == "failure"
    assert "hold" in pr.labels
    assert 301 in {line.status for line in world.github.requests}
    assert await world.rows("select count(*) from deliveries where state = 'failed'") == [(0,)]
    pr.has_been_read()


async def test_whoever_sends_us_in_circles_is_left(world: World) -> None:
    "A place that leads to itself is followed a few times only, and the delivery is kept with the reason."
    place = f"{world.github.url}/repositories/{world.repo.id}/pulls/1"
    moved = {"status": 301, "body": "{}", "headers": {"Location": place}}
    world.github.fail_next("GET", r"/pulls/1$", times=1_000, **moved)
    await world.ana.opens_pr()
    await world.while_time_passes(hours=1)

    kept = await world.rows("select state, error from deliveries where event = 'pull_request'")
    assert kept == [("failed", "the repository has moved")]
    assert len([line for line in world.github.requests if line.path.endswith("/pulls/1")]) == 4


async def test_our_token_follows_nobody_to_another_host(world: World) -> None:
    "A redirect away from GitHub is refused before anything is sent there."
    elsewhere = {"status": 307, "body": "{}", "headers": {"Location": "http://127.0.0.1:9/collect"}}
    world.github.fail_next("GET", r"/pulls/1$", **elsewhere)
    await world.ana.opens_pr()
    await world.settled()

    kept = await world.rows("select state, error from deliveries where event = 'pull_request'")
    assert kept == [("failed", "refused to send our token to another host")]


class Open:
    "Lets every write through: these stories are about what comes after the gate."

    async def check(self, about: About) -> None:
        "There is nothing to say against it."


@pytest.fixture
def app_at() -> AppAt:
    "Our App on a simulated GitHub, with a clock of its own."

    def make(github: Simulator, session: aiohttp.ClientSession, clock: MovableClock) -> GitHubApp:
        return GitHubApp(
            session,
            base_url=github.url,
            graphql_url=f"{github.url}/graphql",
            app_id=1234,
            private_key=SecretStr(github.private_key_pem),
            clock=clock,
            write_limits=WriteLimits(10, 80, 500),
            gate=Open(),
        )

    return make


async def test_a_write_under_an_old_name_is_sent_on_as_it_is(app_at: AppAt) -> None:
    "GitHub answers 307 and has done nothing: the same body goes to the new place, once."
    clock = MovableClock()
    async with Simulator(clock=clock) as github, aiohttp.ClientSession() as session:
        repo = github.create_repository("instruct/taxonomy")
        pull = await github.open_pull(repo, author="ana", files={"a.md": "a\n"})
        github.rename_repository(repo, "knowledge")
        client = app_at(github, session, clock).installation(repo.installation_id)
        await client.write(
            About(repo.id, 1), "POST", "/repos/instruct/taxonomy/issues/1/comments", data={"body": "Hello"}
        )

        assert [comment.body for comment in pull.comments] == ["Hello"]
        assert [line.status for line in github.requests if line.is_write] == [307, 201]


@pytest.mark.parametrize("minutes", [-30, -9, 5, 90], ids=lambda m: f"{m} minutes ahead")
async def test_a_clock_that_is_off_is_put_right(minutes: int, app_at: AppAt) -> None:
    "GitHub refuses what was signed in its past or future; its own time is in the answer, and the next try fits."
    theirs = MovableClock()
    ours = MovableClock(theirs.now() + timedelta(minutes=minutes))
    async with Simulator(clock=theirs) as github, aiohttp.ClientSession() as session:
        repo = github.create_repository("instruct/taxonomy")
        app = app_at(github, session, ours)
        client, path = app.installation(repo.installation_id), f"/repositories/{repo.id}"
        with pytest.raises(TransientError, match="no access token"):
            await app.installation(repo.installation_id).write(About(repo.id), "POST", path)
        assert (await client.read(path))["id"] == repo.id
        assert await app.itself().read("/app/hook/deliveries") == []
        tokens = sum(line.route.endswith("/access_tokens") for line in github.requests)
        assert (await client.read(path))["id"] == repo.id

    assert tokens == 2, "one was refused, one is good and kept"
