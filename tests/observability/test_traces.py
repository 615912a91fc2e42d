"""One search by the id of a trace finds a delivery, its verdict, and the work of the job that it led to."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from bot.rule_workers import RuleWorkers
from bot.store.pull_requests import PullMemory
from pipeline import tracing
from pipeline.tracing import order_at, trace_id_in, traceparent_of
from tests.databases import SqliteFiles
from tests.jobs.workshop import Workshop
from tests.observability.collector import Collector
from tests.world import World


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    "A collector, and this process sending to it."
    async with Collector() as collector:
        tracing.start("taxonomy-bot", "0", collector.url)
        yield collector
        await asyncio.to_thread(tracing.stop)


@pytest.fixture
async def small_world(sqlite_files: SqliteFiles, rule_workers: RuleWorkers, tmp_path: Path) -> AsyncIterator[World]:
    "A world on one kind of database: what is told here is the same on both."
    async with World(sqlite_files.new_database(tmp_path), rule_workers) as world:
        yield world


async def test_a_trace_leads_from_the_delivery_to_the_worker(
    small_world: World, collector: Collector, tmp_path: Path
) -> None:
    "A triager's command, the verdict behind it, and the job on its worker share one id."
    world = small_world
    world.repo.permissions |= {"tess": "triage"}
    pr = await world.ana.opens_pr()
    await world.settled()
    await world.tess.comments(pr, "/precheck")
    await world.settled()
    request = (await world.jobs.of_pull(world.repo.id, pr.pull.number))[0].request
    trace = trace_id_in(traceparent_of(order_at(request.repository_id, request.source)))

    async with Workshop(tmp_path) as workshop:
        memory = PullMemory(
            request.repository_id, request.number, head_sha=request.head_sha, flags="precheck-generate-ready"
        )
        await workshop.memories.save(memory, workshop.clock.now())
        workshop.starts_a_worker(TRACES_URL=collector.url, LOG_FORMAT="json")
        await workshop.ends(await workshop.engine.submit(request, workshop.clock.now()), within_s=60)
        names = ("taxonomy-bot: delivery", "taxonomy-bot: verdict", "taxonomy-bot: job sent")
        found = await collector.has(trace, *names, "taxonomy-pipeline: job", "taxonomy-pipeline: answering")
        log = (workshop.folder / "worker.log").read_text()

    delivery = found["taxonomy-bot: delivery"]
    job = next(span for span in collector.spans if "ending" in span.attributes)  # a second message may have come
    assert job.trace == trace
    assert delivery.parent == ""
    assert job.parent == delivery.id
    assert found["taxonomy-bot: verdict"].parent == delivery.id
    assert found["taxonomy-bot: github read"].trace == trace
    assert found["taxonomy-pipeline: answering"].parent == job.id
    assert job.attributes["ending"] == "succeeded"
    assert f'"trace": "{trace}"' in log, "the worker's log names the trace"
    told = " ".join(str(value) for span in collector.spans for value in span.attributes.values())
    for private in ("ana", "tess", "/precheck", "instruct"):
        assert private not in told.split()
    pr.has_been_read()


async def test_the_log_of_the_bot_names_the_trace(small_world: World, collector: Collector) -> None:
    "Whoever finds a line finds the trace, and the other way round."
    world = small_world
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        pr = await world.ana.opens_pr()
        await world.settled()
    done = next(line for line in lines if line["event"] == "triage.done")
    found = await collector.has(done["trace"], "taxonomy-bot: delivery")
    assert found["taxonomy-bot: delivery"].attributes["delivery"] == done["delivery"]
    pr.has_been_read()


async def test_a_span_that_fails_tells_the_kind_of_failure_alone(collector: Collector) -> None:
    "What an exception says may be what a contributor wrote, so no span around it holds that."

    def fail() -> str:
        with tracing.span("outer"):
            trace = tracing.trace_id()
            with contextlib.suppress(ValueError), tracing.span("inner"):
                raise ValueError("jane@example.org wrote this")
        return trace

    found = await collector.has(fail(), "taxonomy-bot: inner", "taxonomy-bot: outer")
    assert found["taxonomy-bot: inner"].failure == "ValueError"
    assert found["taxonomy-bot: outer"].failure == ""
    assert b"jane" not in b"".join(collector.bodies)


@pytest.mark.parametrize(
    "hostile",
    ["", "00", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "00-" + "A" * 32 + "-" + "1" * 16 + "-01", "x" * 10_000],
)
def test_a_malformed_parent_counts_for_nothing(hostile: str) -> None:
    "A job whose message somebody has meddled with is done as if it had none."
    assert trace_id_in(hostile) == ""


def test_the_lines_of_a_comment_are_one_order() -> None:
    "Each command is a job's source of its own, and all come from one delivery."
    assert order_at(1, "comment:77") == order_at(1, "comment:77:3")
    assert order_at(1, "comment:77") != order_at(2, "comment:77")
    assert order_at(1, "label:+x:guid-1") != order_at(1, "label:+x:guid-2")


def test_nothing_is_loaded_while_traces_are_off() -> None:
    "Neither the bot nor the worker pays for what nobody asked for."
    program = (
        "import sys; from pipeline import tracing; tracing.start('x', '0')\n"
        "with tracing.span('a', order='1:b', n=1): tracing.note(c=2)\n"
        "assert tracing.trace_id() == tracing.traceparent_of('1:b') == ''\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
