"""What jobs leave in the database goes after some time, and only that."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa

from bot.job_flow import Life
from bot.job_retention import JobRetention
from bot.jobs import JobKind, JobRequest, JobState
from bot.store.database import open_engine
from bot.store.history import History
from bot.store.job_logs import LogPart
from bot.store.jobs import JobStore
from bot.store.stored_jobs import StoredJob
from bot.store.tables import job_reports, jobs
from checks.contribution import Login, Sha
from pipeline.contract import Load, Swap
from tests.jobs.sending_room import REPOSITORY, SendingRoom
from tests.world import World


async def has_log(room: SendingRoom, job: StoredJob, lines: str = "a line") -> StoredJob:
    await room.store.logs.add(job.id, LogPart(1, 1, room.clock.now(), lines))
    return job


async def cleans_up(room: SendingRoom, database_url: str, days: int = 90) -> None:
    "The bot tidies as it does once a day."
    engine = open_engine(database_url)
    retention = JobRetention(JobStore(engine), History(engine), room.clock, timedelta(days=days))
    await retention.clean_up()
    await engine.dispose()


async def test_logs_go_some_days_after_the_end(database_url: str) -> None:
    "Those of jobs that wait or run stay, however long that takes; the job itself stays with what it came to."
    async with SendingRoom(database_url=database_url) as room:
        await room.says_hello()
        over = await has_log(room, await room.asks_for(JobKind.PRECHECK))
        tried_again = await has_log(room, await room.asks_for(JobKind.PRECHECK))
        for job in (over, tried_again):
            await room.engine.end_one(job.id, JobState.CANCELLED)
        waits = await has_log(room, await room.asks_for(JobKind.PRECHECK))
        await room.engine.retry(REPOSITORY, tried_again.request.number, tried_again.id, room.clock.now())

        await room.clock.advance(days=91)
        lately = await has_log(room, await room.asks_for(JobKind.PRECHECK))
        await room.engine.end_one(lately.id, JobState.CANCELLED)
        await cleans_up(room, database_url)

        logs = [await room.store.logs.of_job(job.id) for job in (over, tried_again, waits, lately)]
        assert logs == [[], ["a line"], ["a line"], ["a line"]]
        assert [job.life.state for job in await room.store.of_pull(REPOSITORY, over.request.number)] == [
            JobState.CANCELLED
        ]


async def test_a_great_many_logs_go(database_url: str) -> None:
    "More than are deleted at once, of several reports each."
    async with SendingRoom(database_url=database_url) as room:
        job = await room.asks_for(JobKind.PRECHECK)
        await room.engine.end_one(job.id, JobState.CANCELLED)
        engine = open_engine(database_url)
        async with engine.begin() as connection:
            over = dict((await connection.execute(sa.select(jobs))).mappings().one())
            others = [over | {"id": number, "source": f"comment:{number}:1"} for number in range(2, 252)]
            await connection.execute(sa.insert(jobs), others)
            parts = [
                {"job_id": number, "attempt": 1, "sequence": part, "at": room.clock.now(), "lines": "a line"}
                for number in range(1, 252)
                for part in (1, 2)
            ]
            await connection.execute(sa.insert(job_reports), parts)
        await engine.dispose()
        await room.clock.advance(days=2)
        assert await room.store.logs.forget(room.clock.now() - timedelta(days=1)) == 251
        assert await room.store.logs.of_job(251) == []


async def test_it_is_done_once_a_day(database_url: str) -> None:
    "What comes of age an hour later goes on the next day."
    async with SendingRoom(database_url=database_url) as room:
        job = await has_log(room, await room.asks_for(JobKind.PRECHECK))
        await room.engine.end_one(job.id, JobState.CANCELLED)
        found = []
        for hours in (90 * 24 - 1, 2, 23):
            await room.clock.advance(hours=hours)
            await cleans_up(room, database_url)
            found.append(await room.store.logs.of_job(job.id))
        assert found == [["a line"], ["a line"], []]


async def test_measured_swaps_go_but_for_those_that_forecasts_need(database_url: str) -> None:
    "Twenty of each direction stay, however old; a forecast is what it was."
    async with SendingRoom(database_url=database_url) as room:
        for number in range(1, 31):
            swap = Swap(Load.TEACHER, Load.STUDENT, float(number))
            await room.store.swaps.add(number, 1, room.clock.now(), swap)
            await room.clock.advance(minutes=1)
        await room.store.swaps.add(31, 1, room.clock.now(), Swap(Load.STUDENT, Load.TEACHER, 7.0))
        usual = await room.store.swaps.usual()
        assert await room.store.swaps.forget(room.clock.now() - timedelta(days=1)) == 0
        await room.clock.advance(days=91)
        await cleans_up(room, database_url)
        assert await room.store.swaps.usual() == usual
        assert await room.store.swaps.forget(room.clock.now()) == 0  # all that may go is gone


async def test_a_sweep_tidies_up(world: World) -> None:
    "The running bot does it beside its other work, by the days that its operator has set."
    await world.stop_bot()
    await world.start_bot(job_log_days=7)
    async with world.database() as engine:
        store = JobStore(engine)
        request = JobRequest(world.repo.id, 1, JobKind.PRECHECK, Sha("c0ffee" + "0" * 34), 7, Login("tess"), "a:1")
        job = await store.add(request, "cpu", 10, world.clock.now())
        await store.logs.add(job.id, LogPart(1, 1, world.clock.now(), "a line"))
        over = replace(Life(), state=JobState.CANCELLED)
        await store.change(job.id, lambda each: each.living(over, world.clock.now()))
        kept = []
        for days in (6, 2):
            await world.clock.advance(days=days)
            await world.sweeps()
            kept.append(await store.logs.of_job(job.id))
        assert kept == [["a line"], []]
