"""Jobs of an earlier version learn what they are about, where anybody still knows it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.database import migrate, open_engine
from bot.store.jobs import JobStore
from tests.migrations.rows import rows_for
from tests.migrations.test_migrations import goes_to

HEAD, EARLIER, CONTENT = "a" * 40, "b" * 40, "c" * 64


@pytest.fixture
async def engine(unbuilt_database_url: str) -> AsyncIterator[AsyncEngine]:
    "A database of the version before, with jobs at the head of a pull request and at an earlier one."
    engine = open_engine(unbuilt_database_url)
    await goes_to(engine, "0010")
    async with engine.begin() as connection:
        await connection.run_sync(_fill)
    yield engine
    await engine.dispose()


def _fill(connection: sa.Connection) -> None:
    found = sa.MetaData()
    found.reflect(connection)
    pulls, jobs = found.tables["pull_requests"], found.tables["jobs"]
    its = {"repository_id": 1, "number": 7}
    connection.execute(sa.insert(pulls), rows_for(pulls)[1] | its | {"head_sha": HEAD, "content_digest": CONTENT})
    for place, (number, head, run) in enumerate(
        ((7, HEAD, 11), (7, EARLIER, 12), (8, HEAD, None), (7, HEAD, None))
    ):
        row = rows_for(jobs)[0] | its | {"source": f"comment:{place}:1"}
        connection.execute(sa.insert(jobs), row | {"number": number, "head_sha": head, "check_run_id": run})


async def test_what_is_at_the_head_is_about_what_the_head_holds(engine: AsyncEngine) -> None:
    "Not what is at an earlier commit, nor another pull request's; a check run is where the job was."
    await migrate(engine)
    found = [await JobStore(engine).get(number) for number in (1, 2, 3, 4)]
    told = [(job.request.content_digest, job.check_run_id, job.check_run_sha) for job in found if job]
    assert told == [(CONTENT, 11, HEAD), ("", 12, EARLIER), ("", None, ""), (CONTENT, None, "")]
