"""Prometheus asks the bot: at a port of its own, the same of each replica, and nothing of it in public."""

from __future__ import annotations

import uuid
from datetime import timedelta

import aiohttp
import pytest
import sqlalchemy as sa

from bot.jobs import JobKind, JobRequest, JobState
from bot.metrics import reading
from bot.store.jobs import JobStore
from bot.store.tables import jobs
from checks.contribution import Login, Sha
from tests.observability.scraping import OPENMETRICS, free_port, scraped
from tests.stories.test_inbox import Sender, about
from tests.world import World


@pytest.fixture
async def port(world: World) -> int:
    "The metrics port of a bot that has just started."
    port = free_port()
    await world.stop_bot()
    await world.start_bot(metrics_port=port)
    return port


async def test_a_verdict_is_counted_and_timed(world: World, port: int) -> None:
    "From the webhook to GitHub: the delivery, the calls, the rules and the verdict are there."
    before = await scraped(port)
    pr = await world.ana.opens_pr()
    await world.settled()
    after = await scraped(port, OPENMETRICS)

    def more(name: str, **labels: str) -> float:
        return after.value(name, **labels) - before.value(name, **labels)

    assert more("taxonomy_bot_webhooks_total", event="pull_request", status="202") >= 1
    assert more("taxonomy_bot_deliveries_total", event="pull_request", end="done") >= 1
    assert more("taxonomy_bot_verdicts_total", outcome="passed") >= 1
    assert more("taxonomy_bot_verdict_latency_seconds_count") >= 1
    assert more("taxonomy_bot_github_calls_total", kind="read", status="200") >= 1
    assert more("taxonomy_bot_rule_seconds_count", rule="schema") >= 1
    assert after.value("taxonomy_bot_leader") == 1
    assert {"core", "graphql"} <= after.values_of("resource")
    assert after.has("process_resident_memory_bytes")
    pr.has_been_read()


async def test_what_waits_is_read_from_the_database(world: World, port: int) -> None:
    "Every queue is told, also an empty one: an autoscaler takes a missing number for an error."
    async with world.database() as engine:
        store = JobStore(engine)
        for number, minutes in ((1, 90), (2, 30), (3, 1)):
            at = world.clock.now() - timedelta(minutes=minutes)
            request = JobRequest(
                world.repo.id, number, JobKind.EVALUATE, Sha("0" * 40), 7, Login("tess"), f"comment:{number}:1"
            )
            await store.add(request, "gpu.eval", 10, at, 0)
    found = await scraped(port)
    assert found.value("taxonomy_bot_jobs_waiting", queue="gpu.eval") == 3
    assert found.value("taxonomy_bot_oldest_job_waiting_seconds", queue="gpu.eval") == pytest.approx(5400, abs=5)
    assert ("taxonomy_bot_jobs_waiting", frozenset({("queue", "gpu.train")})) in found.samples
    assert found.value("taxonomy_bot_jobs_running", queue="gpu.eval") == 0
    assert found.value("taxonomy_bot_inbox_deliveries") == 0


async def test_what_waits_and_what_runs_is_one_number(world: World, port: int) -> None:
    "That of an autoscaler, which of two numbers would take the larger."
    async with world.database() as engine:
        store = JobStore(engine)
        for number in (1, 2):
            request = JobRequest(
                world.repo.id, number, JobKind.EVALUATE, Sha("0" * 40), 7, Login("tess"), f"comment:{number}:1"
            )
            await store.add(request, "gpu.eval", 10, world.clock.now(), 0)
        async with engine.begin() as connection:
            runs = sa.update(jobs).where(jobs.c.number == 1).values(state=JobState.RUNNING.value)
            await connection.execute(runs)
    found = await scraped(port)
    told = {
        each: found.value(f"taxonomy_bot_jobs_{each}", queue="gpu.eval") for each in ("waiting", "running", "open")
    }
    assert told == {"waiting": 1, "running": 1, "open": 2}
    assert found.value("taxonomy_bot_jobs_open", queue="cpu") == 0


async def test_a_database_that_does_not_answer_is_no_empty_queue(
    world: World, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    "Nothing is told of the queues then: neither 0 nor what was true once."
    queues = ("taxonomy_bot_jobs_waiting", "taxonomy_bot_jobs_running", "taxonomy_bot_jobs_open")
    monkeypatch.setattr(reading, "_BACKLOG_EVERY_S", 0.0)
    found = await scraped(port)
    assert all(found.has(name) for name in queues)

    async def away(_: object) -> None:
        raise OSError

    monkeypatch.setattr(reading, "backlog_of", away)
    found = await scraped(port)
    assert not any(found.has(name) for name in queues)


async def test_many_scrapers_cost_one_look(world: World, port: int) -> None:
    "What is in the database is looked up every few seconds, however many ask."
    await scraped(port)
    async with world.database() as engine:
        request = JobRequest(world.repo.id, 9, JobKind.MIX, Sha("0" * 40), 7, Login("tess"), "comment:9:1")
        await JobStore(engine).add(request, "cpu", 10, world.clock.now(), 0)
    assert (await scraped(port)).value("taxonomy_bot_jobs_waiting", queue="cpu") == 0


async def test_strangers_cannot_make_the_metrics_grow(world: World, port: int) -> None:
    "Names of events that nobody knows, signed or not, are one series."
    sender = Sender(world)
    for number in range(20):
        await sender.sends(about(world), event=f"made_up_{number}", guid=str(uuid.uuid4()))
        await sender.sends(b"{}", event=f"unsigned_{number}", secret=None)
    await world.settled()
    found = await scraped(port)
    events = found.values_of("event")
    assert "other" in events
    assert not [event for event in events if event.startswith(("made_up", "unsigned"))]


async def test_nothing_personal_is_told(world: World, port: int) -> None:
    "No login, no title, no name of a repository; of a pull request not even the number."
    pr = await world.ana.opens_pr()
    await world.settled()
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/metrics") as answer,
    ):
        text = await answer.text()
    for told in ("ana", "instruct/taxonomy", pr.pull.head_sha):
        assert f'"{told}"' not in text
    pr.has_been_read()


@pytest.mark.parametrize("path", ["/metrics", "/debug", "/debug/tasks", "/debug/config"])
async def test_the_public_port_tells_nothing(world: World, port: int, path: str) -> None:
    "What operators see is not for whoever finds the address of the webhooks."
    async with aiohttp.ClientSession() as session, session.get(f"{world.address}{path}") as answer:
        assert answer.status == 404


def test_every_state_of_a_job_has_its_name() -> None:
    "The label's values are those of the states: a new state is not counted as other."
    from bot.metrics.jobs import ENDED

    known = {label.name: label.known for label in ENDED._bounds.labels}
    assert known["end"] == {state.value for state in JobState if state.is_over}
