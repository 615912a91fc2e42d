"""Whatever dies, a job ends once, in one honest state."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

from bot.jobs import JobState
from tests.jobs.workshop import Workshop


def processes_of(workshop: Workshop) -> list[int]:
    "The work processes that are alive: they carry the folder of the test in their environment."
    mark = str(workshop.folder).encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


async def test_a_worker_that_is_killed_is_replaced(tmp_path: Path) -> None:
    "Its silence is noticed, the next attempt succeeds, and nothing of the first one goes on."
    async with Workshop(tmp_path) as workshop:
        workshop.model.pause_s = 5
        first = workshop.starts_a_worker("first")
        job = await workshop.asks_for()
        await workshop.runs(job)
        first.send_signal(signal.SIGKILL)
        first.wait()
        workshop.model.pause_s = 0
        workshop.starts_a_worker("second")
        over = await workshop.ends(job)
        assert (over.life.state, over.life.attempt, over.life.infra_retries) == (JobState.SUCCEEDED, 2, 1)


async def test_a_killed_worker_leaves_no_process_behind(tmp_path: Path) -> None:
    "The work dies with its worker, although nobody could tell it to."
    async with Workshop(tmp_path) as workshop:
        workshop.model.pause_s = 30
        worker = workshop.starts_a_worker()
        job = await workshop.asks_for()
        await workshop.runs(job)
        await asyncio.sleep(0.5)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        async with asyncio.timeout(5):
            while processes_of(workshop):
                await asyncio.sleep(0.1)


async def test_a_cancelled_job_stops_within_seconds(tmp_path: Path) -> None:
    "The work process is killed, the worker takes the next job."
    async with Workshop(tmp_path) as workshop:
        workshop.model.pause_s = 30
        workshop.starts_a_worker()
        job = await workshop.asks_for()
        await workshop.runs(job)
        began = time.monotonic()
        await workshop.engine.end(1, 12, JobState.CANCELLED, job.id)
        workshop.model.pause_s = 0
        after = await workshop.asks_for()
        assert (await workshop.ends(after)).life.state is JobState.SUCCEEDED
        assert time.monotonic() - began < 5
        stored = await workshop.store.get(job.id)
        assert stored is not None
        assert stored.life.state is JobState.CANCELLED


async def test_a_worker_that_is_told_to_go_hands_its_job_back(tmp_path: Path) -> None:
    "SIGTERM: the job is queued anew at once, which counts as nobody's fault."
    async with Workshop(tmp_path) as workshop:
        workshop.model.pause_s = 30
        first = workshop.starts_a_worker("first")
        job = await workshop.asks_for()
        await workshop.runs(job)
        workshop.tells_to_go(first)
        assert await asyncio.to_thread(first.wait, 10) == 0
        workshop.model.pause_s = 0
        workshop.starts_a_worker("second")
        over = await workshop.ends(job)
        assert (over.life.state, over.life.attempt) == (JobState.SUCCEEDED, 2)
        assert (over.life.infra_retries, over.life.hand_backs) == (0, 1)


async def test_results_that_come_while_the_bot_is_down_are_not_lost(tmp_path: Path) -> None:
    "They wait, and are taken when it is back."
    async with Workshop(tmp_path) as workshop:
        workshop.model.pause_s = 1
        workshop.starts_a_worker()
        job = await workshop.asks_for()
        await workshop.runs(job)
        await workshop.close_bot()
        await asyncio.sleep(2.5)
        await workshop.open_bot()
        over = await workshop.ends(job)
        assert (over.life.state, over.life.attempt) == (JobState.SUCCEEDED, 1)


async def test_a_wiped_broker_costs_nothing(tmp_path: Path) -> None:
    "What waited in it is sent again, what ran goes on and is reported."
    async with Workshop(tmp_path) as workshop:
        waiting = await workshop.asks_for()
        await asyncio.sleep(0.3)
        workshop.redis.wipe()
        workshop.model.pause_s = 1
        workshop.starts_a_worker()
        await workshop.runs(waiting)
        workshop.redis.wipe()
        assert (await workshop.ends(waiting)).life.state is JobState.SUCCEEDED


async def test_a_broker_that_is_restarted_costs_nothing(tmp_path: Path) -> None:
    "Bot and worker connect again by themselves."
    async with Workshop(tmp_path) as workshop:
        workshop.model.pause_s = 1
        workshop.starts_a_worker()
        job = await workshop.asks_for()
        await workshop.runs(job)
        workshop.redis.stop()
        await asyncio.sleep(1)
        workshop.redis.start()
        assert (await workshop.ends(job)).life.state is JobState.SUCCEEDED
        again = await workshop.asks_for()
        assert (await workshop.ends(again)).life.state is JobState.SUCCEEDED


async def test_two_workers_racing_for_one_job_do_it_once(tmp_path: Path) -> None:
    "The message is there twice; the lease goes to one."
    async with Workshop(tmp_path) as workshop:
        workshop.model.pause_s = 0.5
        job = await workshop.asks_for()
        stored = await workshop.store.get(job.id)
        assert stored is not None
        for _ in range(3):
            await workshop.mail.send_job("cpu", await workshop.sender.spec_of(stored))
        workshop.starts_a_worker("one")
        workshop.starts_a_worker("two")
        over = await workshop.ends(job)
        await asyncio.sleep(1)
        assert (over.life.state, over.life.attempt) == (JobState.SUCCEEDED, 1)
        assert len(workshop.model.asked) == 5
