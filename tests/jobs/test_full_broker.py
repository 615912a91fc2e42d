"""The broker holds few messages, however long nobody takes them and whatever becomes of the jobs meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.jobs import JobState
from pipeline.contract import Queue
from tests.jobs.workshop import NUMBER, REPOSITORY, Workshop


@pytest.fixture(params=["redis", "files"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    "The address of a broker of files; empty for a Redis of its own."
    return "" if request.param == "redis" else f"filesystem://{tmp_path / 'broker'}"


async def test_without_a_worker_one_message_waits(tmp_path: Path, broker: str) -> None:
    "It is not sent again and again while nobody can have taken it; a worker that comes does the job once."
    async with Workshop(tmp_path, broker=broker, resend_s=0.1) as workshop:
        job = await workshop.asks_for()
        await workshop.sends(job)
        for _ in range(5):
            await asyncio.sleep(0.15)
            workshop.sender.wake()
        assert await workshop.mail.lying_in([Queue.CPU]) == 1
        workshop.starts_a_worker()
        assert (await workshop.ends(job)).life.state is JobState.SUCCEEDED


async def test_messages_of_cancelled_jobs_do_not_pile_up(tmp_path: Path, broker: str) -> None:
    "Asked for and cancelled over and over; the last one is done nevertheless."
    async with Workshop(tmp_path, broker=broker) as workshop:
        await workshop.sends(await workshop.asks_for())
        for _ in range(5):
            await workshop.engine.end(REPOSITORY, NUMBER, JobState.CANCELLED)
            await workshop.asks_for()
            await asyncio.sleep(0.1)  # for the sender to look
        await workshop.engine.end(REPOSITORY, NUMBER, JobState.CANCELLED)
        assert await workshop.mail.lying_in([Queue.CPU]) == 1
        job = await workshop.asks_for()
        workshop.starts_a_worker()
        assert (await workshop.ends(job)).life.state is JobState.SUCCEEDED
