"""The check runs of a report: all in one request, one alone by REST, and what is missing is made up for."""

from __future__ import annotations

import asyncio
import re

import pytest

from bot.simulator.server import RequestRecord, ResponseRecord
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import World
from tests.world.people import PullRequest, a_good_skill

ALL_THREE = ["Contribution", "Merge readiness", "Sign-off"]
TOO_FEW = {**a_good_skill(), SKILL_PATH: a_skill(seed_examples=3)}


def many_findings(count: int = 120) -> dict[str, object]:
    "A skill with at least so many findings, each on its line."
    seeds = [{"question": f"Question {n}?", "answer": True} for n in range(count)]
    return {**a_good_skill(), SKILL_PATH: a_skill(seed_examples=seeds)}


def names(pr: PullRequest) -> list[str]:
    return sorted(run.name for run in pr.checks())


def requests_for(world: World, method: str, pattern: str) -> int:
    "How many requests of this kind GitHub has had."
    return sum(line.method == method and bool(re.search(pattern, line.path)) for line in world.github.requests)


async def fate_of_deliveries(world: World, event: str = "pull_request") -> set[tuple[str, str]]:
    "How the deliveries of one kind ended, with the reason."
    rows = await world.rows("select state, error from deliveries where event = :event", event=event)
    return {(state, error) for state, error in rows}


async def test_a_report_creates_all_its_check_runs_in_one_request(world: World) -> None:
    "Three check runs cost one write, so that a push that fails costs at most five."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=3)})
    await pr.next_comment()

    assert names(pr) == ALL_THREE
    assert requests_for(world, "POST", r"/check-runs$") == 0
    assert max(triaged.calls.writes for triaged in world.triaged) <= 5
    assert max(triaged.calls.total for triaged in world.triaged) <= 12


async def test_both_ways_say_the_same(world: World) -> None:
    "A check run that is asked for anew is alone and goes by REST: word for word what went with the others."
    pr = await world.ana.opens_pr(TOO_FEW)
    await pr.next_comment()
    together = pr.check("Contribution")
    assert together.annotations

    await world.github.rerequest_check_run(together.id, by="ana")
    await pr.settled()

    alone = pr.check("Contribution")
    assert requests_for(world, "POST", r"/check-runs$") == 1
    assert alone.id != together.id
    assert alone.annotations == together.annotations
    assert (alone.title, alone.summary) == (together.title, together.summary)
    assert (alone.conclusion, alone.status) == (together.conclusion, together.status)


async def test_annotations_beyond_fifty_follow(world: World) -> None:
    "GitHub takes fifty at once: the rest is added to the run that was created with the others."
    pr = await world.ana.opens_pr(many_findings())
    await pr.next_comment()
    assert names(pr) == ALL_THREE
    assert len(pr.check("Contribution").annotations) >= 120
    assert requests_for(world, "PATCH", r"/check-runs/\d+$") >= 2


@pytest.mark.parametrize("fails", [0, 1, 2], ids=["the first", "the second", "the last"])
async def test_a_check_run_that_failed_beside_others_is_made_up_for(world: World, fails: int) -> None:
    "GitHub created two of three: the next try creates the third, and none twice."
    world.github.fail_next_field("createCheckRun", kind="SERVICE_UNAVAILABLE", skips=fails)
    pr = await world.ana.opens_pr()
    await world.while_time_passes(minutes=5)
    assert "All checks passed" in await pr.next_comment()
    assert names(pr) == ALL_THREE


async def test_what_was_created_is_completed_before_the_rest_is_tried_again(world: World) -> None:
    "Another check run failed: the one with many annotations still gets all of them, and is not posted again."
    world.github.fail_next_field("createCheckRun", kind="SERVICE_UNAVAILABLE", skips=1)
    pr = await world.ana.opens_pr(many_findings())
    await world.while_time_passes(minutes=5)
    await pr.next_comment()
    assert names(pr) == ALL_THREE
    assert len(pr.check("Contribution").annotations) >= 120


async def test_a_check_run_that_is_refused_for_good_is_not_tried_forever(world: World) -> None:
    "GitHub takes the other two and refuses one at the same head: the delivery is parked, with the reason."
    world.github.fail_next_field("createCheckRun", kind="UNPROCESSABLE", skips=1)
    pr = await world.ana.opens_pr()
    await world.while_time_passes(minutes=5)
    assert await fate_of_deliveries(world) == {("failed", "GraphQL answered UNPROCESSABLE")}
    assert names(pr) == ["Contribution", "Merge readiness"]


async def test_without_the_permission_the_delivery_says_so(world: World) -> None:
    "The App may only read checks: nothing is posted, and the reason is kept for the operator."
    world.github.state.app.permissions["checks"] = "read"
    pr = await world.ana.opens_pr()
    await world.while_time_passes(minutes=5)
    assert await fate_of_deliveries(world) == {("failed", "GraphQL answered FORBIDDEN")}
    assert pr.checks() == []


@pytest.mark.parametrize(
    "answer",
    [
        '{"data": null, "errors": [{"message": "Something went wrong while executing your query."}]}',
        '{"errors": [{"type": "SERVICE_UNAVAILABLE", "message": "Try again"}]}',
        '{"data": {"run0": null, "run1": null, "run2": null}, "errors": [{"type": "INTERNAL", "message": "Oops"}]}',
        '{"data": {"run0": {"checkRun": null}, "run1": {"checkRun": null}, "run2": {"checkRun": null}}}',
        "{}",
        '{"data"',
        "<html><body>Unicorn!</body></html>",
        "",
    ],
    ids=["null", "no data", "all fields null", "empty payloads", "empty object", "cut short", "a page", "nothing"],
)
async def test_an_answer_without_data_is_asked_for_again(world: World, answer: str) -> None:
    "GraphQL says 200 and nothing else of use: the report is written a little later, once."
    world.github.fail_next("POST", r"/graphql$", status=200, body=answer)
    pr = await world.ana.opens_pr()
    await world.while_time_passes(minutes=5)
    assert "All checks passed" in await pr.next_comment()
    assert names(pr) == ALL_THREE


async def test_a_limit_that_graphql_tells_with_200_is_waited_for(world: World) -> None:
    "The budget of the hour is used up: the report comes when GitHub says, not after blind tries."
    resets_at = int(world.clock.now().timestamp()) + 1_800
    world.github.fail_next(
        "POST",
        r"/graphql$",
        status=200,
        body='{"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}',
        headers={
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(resets_at),
        },
    )
    pr = await world.ana.opens_pr()
    await world.while_time_passes(hours=1)
    assert "All checks passed" in await pr.next_comment()
    assert min(run.started_at.timestamp() for run in pr.checks()) >= resets_at
    assert requests_for(world, "POST", r"/graphql$") == 2


async def test_a_slow_down_holds_for_both_ways(world: World) -> None:
    "Retry-After delays the next write by that much, whichever way it goes, and nothing is posted twice."
    slow_down = {"status": 403, "body": '{"message": "secondary rate limit"}', "headers": {"Retry-After": "30"}}
    began = world.clock.now()
    world.github.fail_next("POST", r"/graphql$", **slow_down)
    pr = await world.ana.opens_pr()
    await world.while_time_passes(minutes=1)
    await pr.next_comment()
    assert (pr.check("Sign-off").started_at - began).total_seconds() >= 29

    began = world.clock.now()
    world.github.fail_next("POST", r"/check-runs$", **slow_down)
    await world.github.rerequest_check_run(pr.check("Sign-off").id, by="ana")
    await world.while_time_passes(minutes=1)
    assert (pr.check("Sign-off").started_at - began).total_seconds() >= 29
    assert names(pr) == sorted([*ALL_THREE, "Sign-off"])


@pytest.mark.parametrize("is_lost", [True, False], ids=["the answer is lost", "it was not done"])
async def test_one_check_run_alone_is_posted_once(world: World, is_lost: bool) -> None:
    "Whether a single check run was created or not, the next try finds out before it writes."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    if is_lost:
        world.github.drop_next_response("POST", r"/check-runs$")
    else:
        world.github.fail_next("POST", r"/check-runs$", status=502)

    await world.github.rerequest_check_run(pr.check("Contribution").id, by="ana")
    await world.while_time_passes(minutes=5)

    assert names(pr) == ["Contribution", *ALL_THREE]
    assert requests_for(world, "POST", r"/check-runs$") == (1 if is_lost else 2)


@pytest.mark.parametrize("word", ["UNPROCESSABLE", "NOT_FOUND"])
async def test_a_head_that_vanishes_while_we_report_is_left_to_its_own_event(world: World, word: str) -> None:
    "A force-push takes the commit away just before all is written: only the new head is reported on."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    for _ in ALL_THREE:  # whichever word GitHub has for a commit that it does not know
        world.github.fail_next_field("createCheckRun", kind=word)
    vanishing = VanishingHead(world, pr, r"/git/blobs/")

    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=3)})
    await vanishing.is_gone()
    await pr.settled()

    assert pr.check("Contribution").conclusion == "success"
    assert "All checks passed" in pr.living_comment.body
    assert {state for state, _ in await fate_of_deliveries(world)} == {"done"}
    pr.has_been_read()


@pytest.mark.parametrize("seen_last", [r"/pulls/1$", r"/git/blobs/"], ids=["before we read", "before we write"])
async def test_a_head_that_vanishes_before_a_single_run_is_left_alone_too(world: World, seen_last: str) -> None:
    "One check was asked for anew and the commit vanished meanwhile: nothing fails, the new head is judged."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    vanishing = VanishingHead(world, pr, seen_last, head=pr.pull.head_sha)

    await world.github.rerequest_check_run(pr.check("Sign-off").id, by="ana")
    await vanishing.is_gone()
    await pr.settled()

    assert names(pr) == ALL_THREE
    assert {state for state, _ in await fate_of_deliveries(world, "check_run")} == {"done"}
    pr.has_been_read()


async def test_a_commit_that_github_has_lost_while_it_is_still_the_head_is_told_the_operator(world: World) -> None:
    "The head is the same as before, yet GitHub does not know it: that is no force-push, and is not hidden."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    for _ in ALL_THREE:
        world.github.fail_next_field("createCheckRun", kind="NOT_FOUND", message="Could not resolve to a commit")
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=3)})
    await world.while_time_passes(minutes=5)
    assert ("failed", "GraphQL answered NOT_FOUND") in await fate_of_deliveries(world)


class VanishingHead:
    """Somebody force-pushes a good skill when the bot has read something of the newest head, which is lost then."""

    def __init__(self, world: World, pr: PullRequest, pattern: str, head: str = "") -> None:
        self._world = world
        self._pr = pr
        self._pattern = re.compile(pattern)
        self._kept = "" if head else pr.pull.head_sha
        self._gone = asyncio.Event()
        self._push: asyncio.Task[None] | None = None
        world.github.observers.append(self._look)

    async def is_gone(self) -> None:
        "Wait until it has happened."
        async with asyncio.timeout(10):
            await self._gone.wait()

    def _look(self, request: RequestRecord, _response: ResponseRecord) -> None:
        lost = self._pr.pull.head_sha
        if self._push is None and lost != self._kept and self._pattern.search(request.path):
            self._push = asyncio.get_running_loop().create_task(self._rewrite(lost))

    async def _rewrite(self, lost: str) -> None:
        await self._world.ana.pushes(self._pr, a_good_skill(), force=True)
        del self._pr.pull.repo.store.commits[lost]
        self._gone.set()
