"""Workers that one replica hears are known to the pages of all: who is there, and no longer who left."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.presence import PRESENT_FOR
from bot.store.database import open_engine
from bot.store.workers import WorkerRows
from pipeline.contract import Load, Queue, WorkerHello
from tests.jobs.sending_room import SendingRoom


@pytest.fixture
async def room(database_url: str) -> AsyncIterator[SendingRoom]:
    "The replica that gives out jobs."
    async with SendingRoom(database_url=database_url) as room:
        yield room


async def known(room: SendingRoom, database_url: str) -> dict[str, tuple[set[Queue], bool, Load | None]]:
    "Whom another replica knows."
    engine = open_engine(database_url)
    heard = await WorkerRows(engine).heard_since(room.clock.now() - PRESENT_FOR)
    await engine.dispose()
    return {name: (set(each.queues), each.is_busy, each.loaded) for name, each in heard.items()}


async def test_all_replicas_know_who_is_there(room: SendingRoom, database_url: str) -> None:
    "With where it takes jobs from and what it has loaded; who leaves, or falls silent, is there no more."
    await room.says_hello("gpu-1", Load.TEACHER, (Queue.SDG, Queue.EVAL))
    await room.says_hello("cpu-1", queues=(Queue.CPU,))
    await room.leases.look_at_the_clock()
    there = await known(room, database_url)
    assert there == {"gpu-1": ({Queue.SDG, Queue.EVAL}, False, Load.TEACHER), "cpu-1": ({Queue.CPU}, False, None)}

    await room.leases.receive(WorkerHello("gpu-1", (Queue.SDG, Queue.EVAL), 7, False, Load.STUDENT))
    await room.leases.receive(WorkerHello("cpu-1", (Queue.CPU,), 0, True, None))
    await room.leases.look_at_the_clock()
    assert await known(room, database_url) == {"gpu-1": ({Queue.SDG, Queue.EVAL}, True, Load.STUDENT)}

    await room.clock.advance(minutes=2)
    assert await known(room, database_url) == {}


async def test_hellos_are_not_each_written_down(room: SendingRoom, database_url: str) -> None:
    "One that says nothing new is passed on some seconds later, so that nobody is taken for gone."
    engine, written = open_engine(database_url), set()
    for _ in range(40):
        await room.says_hello("gpu-1")
        await room.leases.look_at_the_clock()
        [each] = (await WorkerRows(engine).heard_since(room.clock.now() - PRESENT_FOR)).values()
        written.add(each.heard_at)
        await room.clock.advance(seconds=5)
    await engine.dispose()
    assert len(written) == 14
