"""The same stories on PostgreSQL: a review from opening to merge, its records, and the queue of jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from bot.jobs import JobKind, JobRequest, JobState
from bot.rule_workers import RuleWorkers
from bot.store.database import migrate, open_engine
from bot.store.jobs import JobStore
from bot.store.tables import metadata
from checks.contribution import Login, Sha
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.databases import PostgresServer
from tests.world import World
from tests.world.review import gives_powers, triaged

pytestmark = [pytest.mark.xdist_group("postgresql"), pytest.mark.timeout(120)]
NOW = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    "A real server, started for these stories."
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture
async def address(server: PostgresServer) -> str:
    "A fresh database."
    return await asyncio.to_thread(server.new_database)


@pytest.fixture
async def pg_world(address: str, rule_workers: RuleWorkers) -> AsyncIterator[World]:
    "A world whose bot keeps its records in PostgreSQL."
    async with World(address, rule_workers) as world:
        yield world


async def test_the_migrations_build_what_the_code_expects(address: str) -> None:
    "On PostgreSQL as on SQLite."
    engine = open_engine(address)
    await migrate(engine)
    async with engine.connect() as connection:
        difference = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), metadata)
        )
    await engine.dispose()
    assert difference == []


async def test_a_skill_is_triaged_approved_and_merged(pg_world: World) -> None:
    "Deliveries, memories, approvals, moves and the audit are kept there."
    gives_powers(pg_world)
    pr = await triaged(pg_world)
    await pg_world.apo.comments(pr, "/approve")
    await pr.settled()
    assert pr.pull.merged
    acts = [(entry.actor, entry.act) for entry in await pg_world.audit_of(pr)]
    assert ("apo", "/approve") in acts
    assert acts[-1] == ("taxonomy-bot", "merge")
    pr.has_been_read()


async def test_findings_pushes_and_pardons(pg_world: World) -> None:
    "Failing checks, a finding called wrong, and a push that makes all of it void."
    gives_powers(pg_world)
    pr = await pg_world.ana.opens_pr({SKILL_PATH: a_skill(seed_examples=3)})
    assert "Not ready yet" in await pr.next_comment()
    await pg_world.tess.comments(pr, "/wrong counts")
    await pr.settled()
    assert "triage-requested-changes" in pr.labels
    await pg_world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=4)})
    await pr.settled()
    assert pr.check("Contribution").conclusion == "failure"
    pr.has_been_read()


async def test_the_queue_of_jobs(address: str) -> None:
    "Queued once for each order, placed by priority and age, changed by compare-and-swap."
    engine = open_engine(address)
    store = JobStore(engine)
    request = JobRequest(1, 12, JobKind.PRECHECK, Sha("c0ffee" + "0" * 34), 7, Login("tess"), "comment:1:1")
    first = await store.add(request, "cpu", 10, NOW)
    assert (await store.add(request, "cpu", 10, NOW)).id == first.id
    nightly = JobRequest(1, 13, JobKind.PRECHECK, Sha("c0ffee" + "0" * 34), 7, Login("tess"), "comment:2:1")
    second = await store.add(nightly, "cpu", 0, NOW)
    assert await store.position(second) == 2
    assert (await store.spent(request, "cpu", NOW)).going_of_pull == 1
    waiting = await store.next_in("cpu", NOW, NOW, 10)
    assert [(job.id, job.life.state) for job in waiting] == [
        (first.id, JobState.QUEUED),
        (second.id, JobState.QUEUED),
    ]
    await engine.dispose()
