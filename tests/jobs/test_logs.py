"""Logs of jobs: whoever sees that a job is over sees all that its worker told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.jobs import JobKind, JobState
from bot.store.database import open_engine
from pipeline.contract import Ending, JobReport, LogLevel, LogLine, Outcome
from pipeline.worker.lines import MOST_LINES, GatheredLines
from tests.jobs.sending_room import SendingRoom
from tests.jobs.workshop import Workshop

ALL = ["began", "asked 5 questions", "all is written"]


@pytest.fixture
async def room(database_url: str) -> AsyncIterator[SendingRoom]:
    "A bot with one worker that has nothing to do."
    async with SendingRoom(database_url=database_url) as room:
        await room.says_hello()
        yield room


async def reports_of_a_job(room: SendingRoom) -> tuple[JobReport, JobReport]:
    "Have a job begun, and return what its worker tells first, and with what it ends it."
    job = await room.asks_for(JobKind.PRECHECK)
    await room.sends()
    lease = await room.begins(job.id)
    first = JobReport(job.id, lease.attempt, "worker", 1, lease.secret, log=lines(ALL[0]))
    return first, replace(first, sequence=2, log=lines(*ALL[1:]), outcome=Outcome(Ending.SUCCEEDED))


def lines(*texts: str) -> tuple[LogLine, ...]:
    return tuple(LogLine(float(second), LogLevel.INFO, text) for second, text in enumerate(texts))


async def state_of(room: SendingRoom, report: JobReport) -> JobState:
    job = await room.store.get(report.job_id)
    assert job is not None
    return job.life.state


async def test_the_end_is_not_there_without_the_last_lines(room: SendingRoom, database_url: str) -> None:
    "The database cannot take the lines: then the job is not over either; told again, it is, with its whole log."
    first, last = await reports_of_a_job(room)
    await room.leases.receive(first)
    operator = open_engine(database_url)
    async with operator.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE job_reports RENAME TO mislaid"))
    with pytest.raises(sa.exc.DBAPIError):
        await room.leases.receive(last)
    assert await state_of(room, last) is JobState.RUNNING
    async with operator.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE mislaid RENAME TO job_reports"))
    await operator.dispose()

    await room.leases.receive(last)

    assert await state_of(room, last) is JobState.SUCCEEDED
    assert await room.store.logs.of_job(last.job_id) == ALL


async def test_whoever_is_told_of_the_end_finds_the_whole_log(room: SendingRoom) -> None:
    "It is read the moment that the end is told."
    first, last = await reports_of_a_job(room)
    await room.leases.receive(first)
    found: list[list[str]] = []

    async def read(job_id: int) -> None:
        found.append(await room.store.logs.of_job(job_id))

    room.on_change = read
    await room.leases.receive(last)
    assert found == [ALL]


async def test_lines_of_a_stranger_are_not_kept(room: SendingRoom) -> None:
    "Neither with a wrong secret, nor of an attempt that is not in force, nor once the job is over."
    first, last = await reports_of_a_job(room)
    for forged in (replace(last, secret="guessed"), replace(last, attempt=2), replace(first, secret="")):
        await room.leases.receive(forged)
    assert await room.store.logs.of_job(last.job_id) == []
    await room.leases.receive(last)
    await room.leases.receive(replace(last, sequence=9, log=lines("too late")))
    assert await room.store.logs.of_job(last.job_id) == ALL[1:]


async def test_lines_that_overtook_each_other_are_kept_once(room: SendingRoom) -> None:
    "The second report comes before the first, and each twice."
    first, last = await reports_of_a_job(room)
    second = replace(last, log=lines("two"), outcome=None)
    for report in (second, first, second, first):
        await room.leases.receive(report)
    assert await room.store.logs.of_job(last.job_id) == [ALL[0], "two"]


async def test_lines_that_could_not_be_sent_come_with_the_next(tmp_path: Path) -> None:
    "The broker is away while the worker has something to say: nothing of it is lost, and each line comes once."
    async with Workshop(tmp_path) as workshop:
        workshop.model.pause_s = 2.0
        workshop.starts_a_worker()
        job = await workshop.asks_for()
        await workshop.runs(job)
        workshop.redis.stop()
        await asyncio.sleep(2)
        workshop.redis.start()
        await workshop.ends(job)
        log = await workshop.store.logs.of_job(job.id)
        assert len([line for line in log if "5 seed questions" in line]) == 1


def test_of_too_many_lines_the_newest_come_and_the_rest_is_counted() -> None:
    "Also when a full report comes back unsent: no report is larger than it may be, and none says nothing of it."
    gathered = GatheredLines()
    for line in lines(*map(str, range(500))):
        gathered.add(line)
    first = gathered.take()
    assert (len(first), first[-1].text) == (MOST_LINES, "499")
    assert first[0].text == "(301 lines left out: too many at once)"
    assert not gathered
    gathered.put_back(first)
    for line in lines("500", "501"):
        gathered.add(line)
    again = gathered.take()
    assert [len(again), again[-1].text] == [MOST_LINES, "501"]
    assert "(303 lines left out" in again[0].text
