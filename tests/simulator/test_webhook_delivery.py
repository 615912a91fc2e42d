"""Webhooks are signed, ordered, tried and remembered."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from bot.simulator import Repository, Simulator, Whim
from tests.simulator.client import AppClient


@dataclass
class Receiver:
    """A bot that only writes down what it is sent."""

    answers: list[int] = field(default_factory=list)
    seen: list[tuple[str, str, str, bool]] = field(default_factory=list)
    secret: bytes = b""

    async def receive(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        expected = "sha256=" + hmac.new(self.secret, body, hashlib.sha256).hexdigest()
        headers = request.headers
        is_signed = hmac.compare_digest(expected, headers["X-Hub-Signature-256"])
        self.seen.append((headers["X-GitHub-Event"], headers["X-GitHub-Delivery"], body.decode(), is_signed))
        return web.Response(status=self.answers.pop(0) if self.answers else 202)


@pytest.fixture
async def receiver(sim: Simulator) -> AsyncIterator[Receiver]:
    receiver = Receiver(secret=sim.webhook_secret.encode())
    runner = web.ServerRunner(web.Server(receiver.receive))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sim.webhook_url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks"
    yield receiver
    await runner.cleanup()


async def test_deliveries_are_signed_and_in_order(sim: Simulator, repo: Repository, receiver: Receiver) -> None:
    "What happens to a repository arrives signed and in the order in which it happened."
    pull = await sim.open_pull(repo, author="ana", files={"a.md": "a\n"})
    await sim.push(pull, {"a.md": "b\n"})
    await sim.comment(pull, "ana", "Done!")
    await sim.close_pull(pull)
    await sim.settle()

    assert [event for event, *_ in receiver.seen] == [
        "pull_request",
        "pull_request",
        "issue_comment",
        "pull_request",
    ]
    assert all(is_signed for *_, is_signed in receiver.seen)
    assert [delivery.status for delivery in sim.deliveries] == [202] * 4


async def test_a_redelivery_has_the_same_id(sim: Simulator, repo: Repository, receiver: Receiver) -> None:
    "A delivery that failed can be sent again under its own id, and both answers are kept."
    receiver.answers = [500]
    await sim.open_pull(repo, author="ana", files={"a.md": "a\n"})
    await sim.settle()
    (delivery,) = sim.deliveries
    sim.redeliver(delivery)
    await sim.settle()

    assert delivery.statuses == [500, 202]
    assert receiver.seen[0] == receiver.seen[1]


async def test_nobody_listening_is_noted(sim: Simulator, repo: Repository) -> None:
    "A delivery to a dead address has no status and does not stop the story."
    sim.webhook_url = "http://127.0.0.1:9/webhooks"
    await sim.open_pull(repo, author="ana", files={"a.md": "a\n"})
    await sim.settle()

    assert sim.deliveries[0].statuses == [None]


async def test_the_apps_own_acts_are_announced_too(
    sim: Simulator, client: AppClient, repo: Repository, receiver: Receiver
) -> None:
    "A comment and a label of the bot come back as webhooks, sent by the bot itself."
    await sim.open_pull(repo, author="ana", files={"a.md": "a\n"})
    await client.post("/repos/instruct/taxonomy/issues/1/comments", {"body": "Hello"})
    await client.post("/repos/instruct/taxonomy/issues/1/labels", {"labels": ["skill"]})
    await sim.settle()

    told = [(d.event, d.action, d.payload["sender"]["login"]) for d in sim.deliveries[1:]]
    bot = "taxonomy-bot[bot]"
    assert told == [("issue_comment", "created", bot), ("pull_request", "labeled", bot)]
    assert sim.deliveries[1].payload["comment"]["performed_via_github_app"]["slug"] == "taxonomy-bot"


async def test_a_force_push_replaces_all_commits(sim: Simulator, repo: Repository) -> None:
    "After a force-push only the new commits are left, and the webhook tells both heads."
    pull = await sim.open_pull(repo, author="ana", files={"a.md": "a\n"}, sign_off=False)
    before = pull.head_sha
    await sim.push(pull, {"b.md": "b\n"}, force=True, message="Afresh")

    assert [commit.message.splitlines()[0] for commit in pull.commits] == ["Afresh"]
    assert [change.path for change in pull.files] == ["b.md"]
    payload = sim.deliveries[-1].payload
    assert (payload["before"], payload["after"]) == (before, pull.head_sha)


async def test_nothing_is_sent_where_the_app_is_not_installed(sim: Simulator) -> None:
    "Repositories without the App stay silent."
    other = sim.create_repository("other/open", install=False)
    await sim.open_pull(other, author="ana", files={"a.md": "a\n"})
    assert sim.deliveries == []


async def test_webhooks_come_late_twice_or_never_at_a_whim(
    sim: Simulator, repo: Repository, receiver: Receiver
) -> None:
    "What is refused at first is listed as such; what is never sent is not listed at all."
    whims = iter([Whim((0.05, 0.1)), Whim(), Whim(()), Whim((), is_refused=True)])
    sim.have_whims(lambda delivery: next(whims))
    pull = await sim.open_pull(repo, author="ana", files={"a.md": "a\n"})
    for words in ("first", "second", "third"):
        await sim.comment(pull, "ana", words)
    await sim.settle()
    assert [event for event, *_ in receiver.seen] == ["issue_comment", "pull_request", "pull_request"]
    assert [delivery.statuses for delivery in sim.deliveries] == [[202, 202], [202], [], [None]]
