"""The database: built by migrations, never touched when it is newer, durable before an answer."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from bot.clock import MovableClock
from bot.store.database import SchemaError, migrate, open_engine
from bot.store.deliveries import Delivery, DeliveryState, DeliveryStore
from bot.store.pull_requests import PullMemory, PullRequestStore
from bot.store.tables import metadata

NOW = MovableClock().now()

_INBOX_PROCESS = """
import asyncio, sys
from bot.clock import SystemClock
from bot.inbox import Inbox
from bot.store.database import migrate, open_engine
from bot.store.deliveries import Delivery, DeliveryStore

async def main():
    engine = open_engine(sys.argv[1])
    await migrate(engine)
    inbox = Inbox(DeliveryStore(engine), lambda: None)
    await inbox.start()

    async def put(n):
        await inbox.put(Delivery(f"guid-{n:08}", "ping", 1, "1", b"x" * 1000, SystemClock().now()))
        print(n, flush=True)

    n = 0
    while True:
        await asyncio.gather(*(put(n + i) for i in range(20)))
        n += 20

asyncio.run(main())
"""


async def test_the_migrations_build_what_the_code_expects(database_url: str) -> None:
    "A database built by the migrations has exactly the tables of the code."
    engine = open_engine(database_url)
    await migrate(engine)
    async with engine.connect() as connection:
        difference = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), metadata)
        )
    await engine.dispose()
    assert difference == []


async def test_migrating_again_keeps_the_data(database_url: str) -> None:
    "Every start migrates; what is stored stays."
    engine = open_engine(database_url)
    await migrate(engine)
    memory = PullMemory(1, 7, head_sha="a" * 40, comment_id=5)
    await PullRequestStore(engine).save(memory, NOW)
    await DeliveryStore(engine).add([Delivery("guid-0001", "push", 1, "1", b"{}", NOW)])
    await migrate(engine)
    assert await PullRequestStore(engine).get(1, 7) == memory
    assert [d.guid for d in await DeliveryStore(engine).waiting(after_id=0, limit=10)] == ["guid-0001"]
    await engine.dispose()


async def test_a_database_of_a_newer_version_is_left_alone(database_url: str) -> None:
    "An old program refuses a new database, and says what to do."
    engine = open_engine(database_url)
    await migrate(engine)
    async with engine.begin() as connection:
        await connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    with pytest.raises(SchemaError, match="newer version"):
        await migrate(engine)
    await engine.dispose()


async def test_finished_deliveries_do_not_come_back(database_url: str) -> None:
    "Done and given-up deliveries are not handed out again; counted attempts are."
    engine = open_engine(database_url)
    await migrate(engine)
    store = DeliveryStore(engine)
    await store.add([Delivery(f"guid-000{n}", "push", 1, "1", b"{}", NOW) for n in range(3)])
    first, second, third = await store.waiting(after_id=0, limit=10)
    await store.finish([first.id], DeliveryState.DONE, NOW)
    await store.finish([second.id], DeliveryState.FAILED, NOW, "why")
    await store.count_attempt([third.id], "no answer")
    assert [(d.guid, d.attempts) for d in await store.waiting(after_id=0, limit=10)] == [("guid-0002", 1)]
    await engine.dispose()


async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    "A process killed in the middle of a flood has on disk whatever it had acknowledged."
    file = tmp_path / "inbox.sqlite"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _INBOX_PROCESS, f"sqlite+aiosqlite:///{file}", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    acknowledged = [int(await asyncio.wait_for(process.stdout.readline(), 20)) for _ in range(500)]
    process.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in (await process.stdout.read()).splitlines()]
    await process.wait()
    with sqlite3.connect(file) as connection:
        stored = {guid for (guid,) in connection.execute("select guid from deliveries")}
    assert {f"guid-{n:08}" for n in acknowledged} <= stored
