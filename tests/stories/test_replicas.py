"""Several bots share one PostgreSQL database: each delivery is handled once, in order, whoever dies or freezes."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from aiohttp import web

from bot.app import PARTS, make_app
from bot.clock import SystemClock
from bot.dispatcher import Dispatcher
from bot.events import DefaultBranchMoved, Event, Origin
from bot.github.errors import TransientError
from bot.locks import PullLocks
from bot.replica import Replica
from bot.rule_workers import RuleWorkers
from bot.store.address import DatabaseError
from bot.store.database import open_engine
from bot.store.deliveries import Delivery, DeliveryState, DeliveryStore
from bot.store.only_process import OnlyProcess
from bot.store.replicas import ReplicaLostError, ReplicaStore
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.databases import PostgresServer
from tests.world import World

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


@pytest.fixture
async def shared(postgres: PostgresServer) -> AsyncIterator[str]:
    "A database that several may use."
    with postgres.borrowed() as address:
        yield address


class Bot:
    "One of several that handle deliveries; what it does with one is up to the story."

    def __init__(self, address: str, handle: Callable[[Bot, str], Awaitable[None]], silence_s: float = 60) -> None:
        self.engine = open_engine(address)
        self.store = DeliveryStore(self.engine)
        self.replica = Replica(ReplicaStore(self.engine), silence_s)
        self.dispatcher = Dispatcher(self.store, self, SystemClock(), app_id=1, at_once=4, replica=self.replica)
        self.replica.when_lost(self.dispatcher.drop)
        self.handled: list[str] = []
        self._handle = handle

    async def handle(self, event: Event) -> None:
        "Act as the story says."
        assert isinstance(event, DefaultBranchMoved)
        await self._handle(self, event.origin.full_name)
        self.handled.append(event.origin.full_name)

    async def starts(self) -> None:
        "Join the others, and begin."
        await self.replica.join()
        await self.dispatcher.start()

    async def goes(self, within_s: float = 5) -> None:
        "Finish what is under way, give back the rest, and leave."
        await self.dispatcher.stop(within_s)
        await self.replica.leave()
        await self.engine.dispose()


def told(subject: int, nth: int) -> Delivery:
    "The nth delivery about something; its event says both."
    repository = {"id": 1, "full_name": f"{subject}/{nth}", "default_branch": "main"}
    payload = {"ref": "refs/heads/main", "repository": repository, "installation": {"id": 1}}
    return Delivery(f"guid-{subject}-{nth}", "push", 1, f"1#{subject}", json.dumps(payload).encode(), NOW)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    "Wait until something holds."
    async with asyncio.timeout(20):
        while not await holds():
            await asyncio.sleep(0.02)


def all_handled(bot: Bot) -> Callable[[], Awaitable[bool]]:
    "Whether nothing waits any more."

    async def holds() -> bool:
        return not await bot.store.waiting(limit=1)

    return holds


async def ages(bot: Bot, replica_id: int) -> None:
    "Let the database's clock have gone on for long since a replica was last heard of."
    async with bot.engine.begin() as connection:
        long_ago = sa.text("UPDATE replicas SET until = clock_timestamp() - interval '1 hour' WHERE id = :id")
        await connection.execute(long_ago, {"id": replica_id})


def in_order(handled: list[str]) -> bool:
    "True when the deliveries about each subject were handled one after the other, each once."
    by_subject: dict[str, list[int]] = {}
    for each in handled:
        subject, _, nth = each.partition("/")
        by_subject.setdefault(subject, []).append(int(nth))
    return all(nths == sorted(set(nths)) for nths in by_subject.values())


async def test_two_bots_share_the_work_and_no_subject_is_handled_by_both_at_once(shared: str) -> None:
    "Each of 240 deliveries is handled once, those of one subject in order, and both have had some."
    at_work: set[str] = set()
    handled: list[str] = []

    async def handle(_bot: Bot, name: str) -> None:
        subject = name.partition("/")[0]
        assert subject not in at_work, "two at once"
        at_work.add(subject)
        await asyncio.sleep(0.002)
        at_work.remove(subject)
        handled.append(name)

    bots = [Bot(shared, handle), Bot(shared, handle)]
    for bot in bots:
        await bot.starts()
    await bots[0].replica.beat()  # it hears of its company
    for nth in range(6):
        await bots[nth % 2].store.add([told(subject, nth) for subject in range(40)])
        for bot in bots:
            bot.dispatcher.wake()
    await until(all_handled(bots[0]))
    for bot in bots:
        await bot.goes()
    assert len(handled) == 240
    assert in_order(handled)
    assert all(bot.handled for bot in bots)


async def test_a_rolling_restart_loses_nothing_and_does_nothing_twice(shared: str) -> None:
    "One bot after the other goes and comes while deliveries arrive."
    handled: list[str] = []

    async def handle(_bot: Bot, name: str) -> None:
        await asyncio.sleep(0.002)
        handled.append(name)

    bots = [Bot(shared, handle), Bot(shared, handle)]
    for bot in bots:
        await bot.starts()
    for nth in range(6):
        await bots[0].store.add([told(subject, nth) for subject in range(20)])
        bots[0].dispatcher.wake()
        await bots.pop(0).goes()
        bots.append(Bot(shared, handle))
        await bots[-1].starts()
    await until(all_handled(bots[0]))
    for bot in bots:
        await bot.goes()
    assert sorted(handled) == sorted(f"{subject}/{nth}" for subject in range(20) for nth in range(6))
    assert in_order(handled)


async def test_what_a_frozen_bot_held_is_handled_by_another_and_it_writes_nothing_late(shared: str) -> None:
    "Taken for dead, it is refused when it wakes: on GitHub, in the database, and for its leases."
    wakes, seen = asyncio.Event(), asyncio.Event()

    async def freezes(bot: Bot, _name: str) -> None:
        if bot is frozen:
            seen.set()
            await wakes.wait()

    frozen, other = Bot(shared, freezes), Bot(shared, freezes)
    await frozen.starts()
    await frozen.store.add([told(1, 0), told(1, 1)])
    frozen.dispatcher.wake()
    await seen.wait()
    mine = frozen.replica.id
    await other.starts()
    assert other.handled == []

    await ages(other, mine)
    await other.replica.beat()
    other.dispatcher.wake()
    await until(all_handled(other))
    assert other.handled == ["1/0", "1/1"]

    assert not await frozen.store.finish([1], DeliveryState.FAILED, NOW, "late", replica_id=mine)
    with pytest.raises(ReplicaLostError):
        await frozen.store.claim(mine, NOW, {}, 1)
    assert not await ReplicaStore(frozen.engine).take("pull 1#1", mine)
    await frozen.replica.beat()
    wakes.set()
    await asyncio.sleep(0)
    assert frozen.handled == []  # what it was doing was broken off
    assert frozen.replica.id > mine
    for bot in (frozen, other):
        await bot.goes()


async def test_who_cannot_say_that_it_is_alive_does_not_write_on_github(shared: str) -> None:
    "Its time has run out by its own clock, and no database has to tell it."
    engine = open_engine(shared)
    replica = Replica(ReplicaStore(engine), 0.2)
    await replica.join()
    replica.check()
    async with engine.connect() as connection:  # its row cannot be renewed
        await connection.execute(sa.text("SELECT id FROM replicas FOR UPDATE"))
        await asyncio.sleep(0.25)
        with pytest.raises(TransientError, match="out of touch"):
            replica.check()
    await replica.leave()
    await engine.dispose()


async def test_the_lock_of_a_pull_request_is_one_for_all_bots(shared: str) -> None:
    "Two processes take turns; a lock that its holder took to the grave is free once that is taken for dead."
    engines = [open_engine(shared), open_engine(shared)]
    replicas = [Replica(ReplicaStore(engine), 60) for engine in engines]
    for replica in replicas:
        await replica.join()
    origin, inside, most = Origin(1, "a/b", 1), 0, 0

    async def works(locks: PullLocks) -> None:
        nonlocal inside, most
        for _ in range(5):
            async with locks.of(origin, 7):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.001)
                inside -= 1

    await asyncio.gather(*(works(PullLocks(replica)) for replica in replicas))
    assert most == 1

    await replicas[0].take("pull 1#7")
    async with engines[1].begin() as connection:
        await connection.execute(
            sa.text("UPDATE replicas SET until = clock_timestamp() - interval '1 hour' WHERE id = :id"),
            {"id": replicas[0].id},
        )
    assert not await replicas[1].take_if_free("pull 1#7")
    await replicas[1].beat()
    assert await replicas[1].take_if_free("pull 1#7")
    for replica, engine in zip(replicas, engines, strict=True):
        await replica.leave()
        await engine.dispose()


@asynccontextmanager
async def another_bot(world: World) -> AsyncIterator[tuple[web.Application, str]]:
    "A second bot beside that of a world, on the same database; its webhook address."
    app = make_app(world.settings, clock=world.clock, workers=world.workers, jobs=world.jobs)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield app, f"http://{host}:{port}/webhooks"
    finally:
        await runner.cleanup()


async def both_settled(world: World, other: web.Application) -> None:
    "Wait until GitHub has told everything, and one bot or the other has handled it."
    async with asyncio.timeout(20):
        while True:
            await world.settled()
            await other[PARTS].dispatcher.settled()
            told_so_far = len(world.github.deliveries)
            if not await world.rows("SELECT id FROM deliveries WHERE state = 'received'"):
                await world.github.settle()
                if len(world.github.deliveries) == told_so_far:
                    return
            await asyncio.sleep(0.02)


async def test_two_bots_report_on_a_pull_request_once(shared: str, rule_workers: RuleWorkers) -> None:
    "GitHub's webhooks go to one and to the other: one comment, one check run of each name, one leader."
    async with World(shared, rule_workers) as world, another_bot(world) as (other, address):
        assert world.app[PARTS].leadership.leads
        assert not other[PARTS].leadership.leads
        pr = await world.ana.opens_pr()
        await both_settled(world, other)
        world.github.webhook_url = address
        await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
        world.github.webhook_url = world.webhook_url
        await world.github.edit_pull(pr.pull, title="A better title")
        await both_settled(world, other)
        assert "All checks passed" in pr.living_comment.body
        assert len(pr.pull.comments) == 1
        assert sorted(run.name for run in pr.rule_checks()) == ["Contribution", "Sign-off"]

        await world.stop_bot()
        await other[PARTS].leadership.look()
        assert other[PARTS].leadership.leads
        pr.has_been_read()
        await world.start_bot()
        assert not world.app[PARTS].leadership.leads


async def test_a_second_bot_on_one_sqlite_file_says_so_and_does_not_start(tmp_path: Path) -> None:
    "SQLite is for one process; once that has gone, the next may start, or has waited for it."
    address = f"sqlite:///{tmp_path / 'bot.sqlite'}"
    first, second = OnlyProcess(address, 0), OnlyProcess(address, 0)
    await first.claim()
    with pytest.raises(DatabaseError, match=f"process {os.getpid()}.*SQLite is for one process.*PostgreSQL"):
        await second.claim()
    waits = asyncio.create_task(OnlyProcess(address, 10).claim())
    await asyncio.sleep(0.05)
    assert not waits.done()
    first.release()
    await waits
