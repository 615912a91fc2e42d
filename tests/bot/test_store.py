"""The stores: whatever people write is kept, and what was answered is on disk; in turn, however many wait."""

from __future__ import annotations

import asyncio
import itertools
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiosqlite import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.clock import MovableClock
from bot.jobs import JobKind, JobRequest
from bot.store.database import open_engine
from bot.store.deliveries import Delivery, DeliveryState, DeliveryStore
from bot.store.jobs import JobStore
from bot.store.leaves import LeafStore
from bot.store.pull_requests import PullMemory, PullRequestStore, paths_text
from bot.store.reminders import Reminder, ReminderStore
from bot.store.replicas import ReplicaStore
from bot.store.stored_jobs import StoredJob
from bot.store.text import keepable
from checks.contribution import Login, Sha
from tests.databases import PostgresServer

NOW = MovableClock().now()
_A_SWITCH = "INSERT INTO switches (name, is_on, at, set_by) VALUES (:name, true, '2026-01-05 10:00:00', '')"
_LONG = (  # some tenths of a second
    "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 400000) "
    "SELECT count(*) FROM numbers"
)

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

_PRAGMA_PROCESS = """
import asyncio, sys
from sqlalchemy import text
from bot.store.database import open_engine

async def main():
    async with open_engine(sys.argv[1]).connect() as connection:
        for pragma in ("journal_mode", "synchronous"):
            print(await connection.scalar(text(f"PRAGMA {pragma}")))

asyncio.run(main())
"""


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    "An engine on a database with today's tables."
    engine = open_engine(database_url)
    yield engine
    await engine.dispose()


async def test_finished_deliveries_do_not_come_back(engine: AsyncEngine) -> None:
    "Done and given-up deliveries are not handed out again; what was put off is, with its attempts."
    store = DeliveryStore(engine)
    await store.add([Delivery(f"guid-000{n}", "push", 1, "1", b"{}", NOW) for n in range(3)])
    first, second, third = await store.waiting(limit=10)
    me = await ReplicaStore(engine).join("test", 60)
    await store.claim(me, NOW, {}, 10)
    await store.finish([first.id], DeliveryState.DONE, NOW, replica_id=me)
    await store.finish([second.id], DeliveryState.FAILED, NOW, "why", replica_id=me)
    await store.put_off([third.id], [], NOW, "no answer", replica_id=me)
    assert [(d.guid, d.attempts) for d in await store.waiting(limit=10)] == [("guid-0002", 1)]


@pytest.mark.parametrize("holds", ["a write", "a write that returns rows"])
async def test_who_is_cancelled_in_mid_write_keeps_nothing_locked(engine: AsyncEngine, holds: str) -> None:
    "What it had written is undone, and others write at once, also while its error is still looked at."
    returning = " RETURNING name" if "returns" in holds else ""
    is_written = asyncio.Event()

    async def writes_for_long() -> None:
        async with engine.begin() as connection:
            await connection.execute(sa.text(f"{_A_SWITCH}{returning}"), {"name": "of the cancelled"})
            is_written.set()
            await connection.execute(sa.text(_LONG))

    async with asyncio.timeout(5):
        writer = asyncio.create_task(writes_for_long())
        await is_written.wait()
        await asyncio.sleep(0.02)
        writer.cancel()
        [kept] = await asyncio.gather(writer, return_exceptions=True)
        async with engine.begin() as connection:
            await connection.execute(sa.text(_A_SWITCH), {"name": "of another"})
    async with engine.connect() as connection:
        assert (await connection.scalars(sa.text("SELECT name FROM switches"))).all() == ["of another"]
    assert isinstance(kept, asyncio.CancelledError)


async def test_sqlites_thread_is_sent_once_for_a_statement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    "Its rows come back with it; only what was written is sent for once more, to be committed."
    engine = open_engine(f"sqlite:///{tmp_path / 'bot.sqlite'}")
    async with engine.begin() as connection:
        await connection.execute(sa.text("CREATE TABLE birds (name TEXT)"))
    errands: list[str] = []
    execute = Connection._execute

    async def counted(self: Connection, errand: Any, *args: Any, **kwargs: Any) -> Any:
        errands.append(errand.__name__)
        return await execute(self, errand, *args, **kwargs)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(Connection, "_execute", counted)
    async with engine.begin() as connection:
        added = await connection.execute(
            sa.text("INSERT INTO birds VALUES (:name)"), [{"name": "wren"}, {"name": "owl"}]
        )
    assert (added.rowcount, len(errands)) == (2, 2)
    async with engine.begin() as connection:
        names = (await connection.scalars(sa.text("SELECT name FROM birds"))).all()
    assert (names, len(errands)) == (["wren", "owl"], 3)
    await engine.dispose()


def test_no_statement_outlives_those_who_wanted_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    "When a bot stops in the middle of a statement, the statement is over before the bot is."
    failed: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    before = set(threading.enumerate())

    async def serves() -> None:
        engine = open_engine(f"sqlite:///{tmp_path / 'bot.sqlite'}")
        is_asked = asyncio.Event()

        async def asks() -> None:
            async with engine.begin() as connection:
                is_asked.set()
                await connection.execute(sa.text(_LONG.replace("400000", "4000000")))

        asking = asyncio.create_task(asks())
        await is_asked.wait()
        for _ in range(3):  # by who stops it, by a limit of time, by the end of the loop
            await asyncio.sleep(0.05)
            asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await engine.dispose()

    asyncio.run(serves())  # what was not waited for meets a loop that is closed
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
    assert failed == []


async def test_a_delivery_that_was_given_up_may_come_again(engine: AsyncEngine) -> None:
    "Sent again it is tried again, alone or among others; what is done or waits stays as it is."
    store = DeliveryStore(engine)
    await store.add([Delivery(f"guid-000{n}", "push", 1, "1", b"{}", NOW) for n in range(3)])
    waits, done, given_up = await store.waiting(limit=10)
    me = await ReplicaStore(engine).join("test", 60)
    await store.claim(me, NOW, {}, 10)
    await store.finish([done.id], DeliveryState.DONE, NOW, replica_id=me)
    await store.finish([given_up.id], DeliveryState.FAILED, NOW, "why", replica_id=me)
    await store.add([Delivery(f"guid-000{n}", "push", 1, "1", b"new", NOW) for n in range(4)])
    found = await store.waiting(limit=10)
    assert [(d.guid, d.payload) for d in found] == [
        ("guid-0000", b"{}"),
        ("guid-0003", b"new"),
        ("guid-0002", b"new"),  # now the newest
    ]
    assert found[0].id == waits.id


@pytest.mark.parametrize("odd", ["a\0b", "half a pair: \ud83d", "\ud800\0\udfff"])
async def test_text_that_no_database_holds_is_kept_all_the_same(engine: AsyncEngine, odd: str) -> None:
    "A webhook can spell NUL and half a surrogate pair; neither may stop the work on a pull request."
    kept = keepable(odd)
    assert not set(kept) & set("\0\ud83d\ud800\udfff")
    deliveries, reminders, leaves = DeliveryStore(engine), ReminderStore(engine), LeafStore(engine)
    await deliveries.add([Delivery("guid-0001", "push", 1, "1", b"{}", NOW)])
    me = await ReplicaStore(engine).join("test", 60)
    await deliveries.claim(me, NOW, {}, 10)
    await deliveries.put_off([1], [], NOW, odd, replica_id=me)
    await reminders.add(Reminder(1, 7, "ana", odd, NOW, odd, NOW))
    assert [r.text for r in await reminders.due(1, NOW)] == [kept]
    await reminders.finish(Reminder(1, 7, "ana", odd, NOW, odd, NOW), NOW)
    assert await reminders.due(1, NOW) == []
    await PullRequestStore(engine).save(
        PullMemory(1, 7, head_sha="a" * 40, author=odd, paths=paths_text([odd])), NOW
    )
    memory = await PullRequestStore(engine).get(1, 7)
    assert memory is not None
    assert (memory.author, memory.changed_paths) == (kept, (odd,))  # paths are JSON, which spells everything
    await leaves.note(1, 7, [odd])
    assert [holder.leaves for holder in await leaves.holding(1, [odd])] == [{kept}]


async def test_moments_come_back_as_they_went_in(engine: AsyncEngine) -> None:
    "To the microsecond and in UTC, from whatever zone they came; one without a zone is a mistake of ours."
    memories = PullRequestStore(engine)
    elsewhere = datetime(2026, 3, 29, 3, 30, 0, 123456, timezone(timedelta(hours=5, minutes=45)))
    await memories.save(PullMemory(1, 7, state_since=elsewhere), NOW)
    memory = await memories.get(1, 7)
    assert memory is not None
    assert memory.state_since == elsewhere
    assert memory.state_since.utcoffset() == timedelta(0)
    with pytest.raises(sa.exc.StatementError, match="without a time zone"):
        await memories.save(PullMemory(1, 7, state_since=datetime(2026, 3, 29)), NOW)


async def test_writers_at_once_lose_nothing(engine: AsyncEngine) -> None:
    "Twenty order the same job and change it at once: there is one, changed twenty times."
    jobs = JobStore(engine)
    request = JobRequest(1, 12, JobKind.PRECHECK, Sha("c0ffee" + "0" * 34), 7, Login("tess"), "comment:1:1")
    added = await asyncio.gather(*(jobs.add(request, "cpu", 10, NOW) for _ in range(20)))
    assert len({job.id for job in added}) == 1

    def one_more(job: StoredJob) -> StoredJob:
        return replace(job, life=replace(job.life, hand_backs=job.life.hand_backs + 1))

    await asyncio.gather(*(jobs.change(added[0].id, one_more) for _ in range(20)))
    job = await jobs.get(added[0].id)
    assert job is not None
    assert (job.life.hand_backs, job.revision) == (20, 20)


async def test_the_queue_of_jobs(engine: AsyncEngine) -> None:
    "Queued once for each order, placed by priority and age."
    jobs = JobStore(engine)
    request = JobRequest(1, 12, JobKind.PRECHECK, Sha("c0ffee" + "0" * 34), 7, Login("tess"), "comment:1:1")
    first = await jobs.add(request, "cpu", 10, NOW)
    second = await jobs.add(replace(request, number=13, source="comment:2:1"), "cpu", 0, NOW)
    assert await jobs.line.position(second) == 2
    assert (await jobs.spending.spent(request, "cpu", NOW)).going_of_pull == 1
    assert [job.id for job in await jobs.line.next_in("cpu", NOW, NOW, 10)] == [first.id, second.id]


async def test_whoever_waits_longest_is_next(engine: AsyncEngine) -> None:
    "Among many who come and go, nobody is overtaken while waiting, but by those who were handed theirs already."
    connections = engine.pool.size()  # type: ignore[attr-defined]
    await asyncio.gather(*(is_open_for(engine, 0.1) for _ in range(connections)))
    came, served = itertools.count(), itertools.count()
    overtaken: list[int] = []
    query = sa.text("select 1")

    async def visitor(n: int) -> None:
        for _ in range(12):
            mine = next(came)
            async with engine.connect() as connection:
                overtaken.append(next(served) - mine)
                await connection.execute(query)
            if n % 2:
                await asyncio.sleep(n / 4000)

    await asyncio.gather(*(visitor(n) for n in range(40)))
    assert max(overtaken) < connections


async def test_a_wait_that_is_given_up_takes_nobodys_turn(engine: AsyncEngine) -> None:
    "Whoever stops waiting leaves the line; afterwards as many connections are there as before."
    connections = engine.pool.size()  # type: ignore[attr-defined]
    users = [asyncio.create_task(is_open_for(engine, 0.3)) for _ in range(connections)]
    await asyncio.sleep(0)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(is_open_for(engine, 0), 0.05)
    await asyncio.gather(*users)
    async with asyncio.timeout(10):
        await asyncio.gather(*(is_open_for(engine, 0.1) for _ in range(2 * connections)))


async def test_a_restart_of_the_server_is_not_noticed(postgres: PostgresServer) -> None:
    "Connections that it has closed meanwhile are replaced when they are wanted."
    with postgres.borrowed() as address:
        engine, operator = open_engine(address), open_engine(address)
        await asyncio.gather(*(is_open_for(engine, 0.1) for _ in range(3)))
        async with operator.connect() as connection:
            ended = await connection.execute(
                sa.text(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()"
                )
            )
            assert len(ended.all()) == 3
        await asyncio.sleep(0.1)
        await asyncio.gather(*(is_open_for(engine, 0.1) for _ in range(3)))
        await engine.dispose()
        await operator.dispose()


async def is_open_for(engine: AsyncEngine, seconds: float) -> None:
    async with engine.connect() as connection:
        await connection.execute(sa.text("select 1"))
        await asyncio.sleep(seconds)


def test_sqlite_is_on_disk_before_a_commit_returns(tmp_path: Path) -> None:
    "Outside the tests, which do not wait for disks, a loss of power loses nothing either."
    address = f"sqlite+aiosqlite:///{tmp_path / 'bot.sqlite'}"
    done = subprocess.run(
        [sys.executable, "-c", _PRAGMA_PROCESS, address], capture_output=True, text=True, timeout=60
    )

    assert done.stdout.split() == ["wal", "2"], done.stderr


async def test_what_was_acknowledged_survives_a_kill(database_url: str, engine: AsyncEngine) -> None:
    "A process killed in the middle of a flood has on disk whatever it had acknowledged."
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _INBOX_PROCESS, database_url, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    acknowledged = [int(await asyncio.wait_for(process.stdout.readline(), 20)) for _ in range(500)]
    process.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in (await process.stdout.read()).splitlines()]
    await process.wait()
    async with engine.connect() as connection:
        stored = set((await connection.execute(sa.text("select guid from deliveries"))).scalars())
    assert {f"guid-{n:08}" for n in acknowledged} <= stored


async def test_many_rows_come_whole_and_in_order(tmp_path: Path) -> None:
    "However many there are, read at once or some at a time; a reader that stops early blocks no writer."
    engine = open_engine(f"sqlite+aiosqlite:///{tmp_path / 'many.sqlite'}")
    async with engine.begin() as connection:
        await connection.execute(sa.text("CREATE TABLE numbers (n INTEGER)"))
        rows = [{"n": n} for n in range(12_345)]
        done = await connection.execute(sa.text("INSERT INTO numbers VALUES (:n)"), rows)
        assert done.rowcount == len(rows)
    async with engine.connect() as connection:
        found = (await connection.execute(sa.text("SELECT n FROM numbers ORDER BY n"))).scalars().all()
        assert found == list(range(12_345))
        async with connection.stream(sa.text("SELECT n FROM numbers ORDER BY n")) as stream:
            some = [row.n for row in await stream.fetchmany(7_000)]
            assert some == list(range(len(some)))
            following = await stream.fetchone()
            assert following is not None
            assert following.n == len(some)
    async with engine.begin() as connection:
        done = await connection.execute(sa.text("DELETE FROM numbers WHERE n >= 5000 RETURNING n"))
        assert len(done.all()) == 7_345
    async with engine.connect() as connection:
        await connection.execute(sa.text("DELETE FROM numbers"))  # and nobody commits it
    async with engine.connect() as connection:
        assert (await connection.execute(sa.text("SELECT count(*) FROM numbers"))).scalar_one() == 5_000
    await engine.dispose()


async def test_a_statement_that_fails_says_so_and_blocks_nobody(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite+aiosqlite:///{tmp_path / 'some.sqlite'}")
    async with engine.begin() as connection:
        await connection.execute(sa.text("CREATE TABLE numbers (n INTEGER PRIMARY KEY)"))
    with pytest.raises(sa.exc.IntegrityError):
        async with engine.begin() as connection:
            await connection.execute(sa.text("INSERT INTO numbers VALUES (1), (1)"))
    async with engine.begin() as connection:
        await connection.execute(sa.text("INSERT INTO numbers VALUES (1)"))
        assert (await connection.execute(sa.text("SELECT n FROM numbers"))).scalar_one() == 1
    await engine.dispose()


async def test_a_bot_that_freezes_in_the_middle_of_something_bars_nobody(postgres: PostgresServer) -> None:
    "PostgreSQL undoes what somebody began and leaves lying: its locks are free again after ten seconds."
    with postgres.borrowed() as address:
        engine = open_engine(address)
        async with engine.connect() as connection:
            shown = await connection.execute(sa.text("SHOW idle_in_transaction_session_timeout"))
            assert shown.scalar_one() == "10s"
        await engine.dispose()
