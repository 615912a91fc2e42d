"""Who goes first: priority has a head start, waiting counts, and nobody starves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.job_flow import Life
from bot.job_line import NIGHTLY_PRIORITY, PULL_REQUEST_PRIORITY, PassedOver, due_at, in_batches
from bot.jobs import JobKind, JobRequest
from bot.store.database import migrate, open_engine
from bot.store.jobs import JobStore
from bot.store.tables import jobs
from checks.contribution import Login, Sha
from pipeline.contract import Load

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
HEAD = Sha("c0ffee" + "0" * 34)
PATIENCE = timedelta(minutes=20)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(database_url)
    yield engine
    await engine.dispose()


def a_request(n: int, kind: JobKind = JobKind.GENERATE) -> JobRequest:
    return JobRequest(1, n, kind, HEAD, 7, Login("tess"), f"comment:{n}:1")


def test_work_for_pull_requests_goes_first_but_the_night_does_not_starve() -> None:
    "A nightly job goes before pull requests that come more than ten hours after it."
    nightly = due_at(NOW, NIGHTLY_PRIORITY)
    assert due_at(NOW + timedelta(hours=9), PULL_REQUEST_PRIORITY) < nightly
    assert due_at(NOW + timedelta(hours=11), PULL_REQUEST_PRIORITY) > nightly


def test_one_author_with_many_pull_requests_pushes_nobody_out() -> None:
    "The tenth job of one stands behind the first of another who comes an hour later; the hundredth not for ever."
    tenth = due_at(NOW, PULL_REQUEST_PRIORITY, 9)
    assert due_at(NOW + timedelta(hours=1), PULL_REQUEST_PRIORITY, 0) < tenth
    assert due_at(NOW, PULL_REQUEST_PRIORITY, 100) < due_at(NOW + timedelta(hours=4), PULL_REQUEST_PRIORITY)


WAITING = st.lists(
    st.tuples(st.integers(0, 60 * 24 * 3), st.sampled_from([0, 10]), st.integers(0, 30)), min_size=1, max_size=25
)


@settings(max_examples=25, deadline=None)
@given(waiting=WAITING)
def test_the_order_is_total_and_the_same_for_line_position_and_model(waiting: list[tuple[int, int, int]]) -> None:
    "SQL agrees with sorting in Python by place and number, however equal the places are."

    async def check() -> None:
        engine = open_engine("sqlite+aiosqlite:///:memory:")
        await migrate(engine)
        store = JobStore(engine)
        stored = [
            await store.add(a_request(n), "gpu.sdg", priority, NOW + timedelta(minutes=minutes), of_author)
            for n, (minutes, priority, of_author) in enumerate(waiting)
        ]
        model = [job.id for job in sorted(stored, key=lambda job: (job.due_at, job.id))]
        later = NOW + timedelta(days=9)
        assert [job.id for job in await store.line.next_in("gpu.sdg", later, later, 100)] == model
        assert [each.id for each in await store.line.waiting("gpu.sdg", 100)] == model
        positions = {job.id: await store.line.position(job) for job in stored}
        assert sorted(positions, key=lambda job_id: positions[job_id]) == model
        assert sorted(positions.values()) == list(range(1, len(stored) + 1))
        await engine.dispose()

    asyncio.run(check())


@given(arrivals=st.lists(st.integers(0, 120), min_size=30, max_size=120), every_minutes=st.integers(1, 30))
def test_a_nightly_job_is_begun_however_many_others_keep_coming(arrivals: list[int], every_minutes: int) -> None:
    "More work for pull requests than can ever be done: what came first of the night still gets its turn."
    line = [(due_at(NOW, NIGHTLY_PRIORITY), 0, True)]
    coming = sorted(NOW + timedelta(minutes=m * 20) for m in arrivals)
    at, ahead = NOW, 0
    while any(is_nightly for *_, is_nightly in line):
        while coming and coming[0] <= at:
            line.append((due_at(coming.pop(0), PULL_REQUEST_PRIORITY), len(coming) + 1, False))
        first = min(line)
        line.remove(first)
        ahead += not first[2]
        at += timedelta(minutes=every_minutes)
    came_within_its_head_start = sum(1 for m in arrivals if m * 20 <= 600)
    assert ahead <= came_within_its_head_start


async def test_the_databases_keep_the_line_alike(engine: AsyncEngine) -> None:
    "Night and pull requests, mixed: the same order on each, and a job tried anew stands at the end."
    store = JobStore(engine)
    night = await store.add(a_request(1), "gpu.sdg", NIGHTLY_PRIORITY, NOW)
    soon = await store.add(a_request(2), "gpu.sdg", PULL_REQUEST_PRIORITY, NOW + timedelta(hours=9))
    late = await store.add(a_request(3), "gpu.sdg", PULL_REQUEST_PRIORITY, NOW + timedelta(hours=11))
    later = NOW + timedelta(days=1)
    assert [job.id for job in await store.line.next_in("gpu.sdg", later, later, 9)] == [soon.id, night.id, late.id]
    assert [await store.line.position(job) for job in (soon, night, late)] == [1, 2, 3]
    without = await store.line.next_in("gpu.sdg", later, later, 9, with_nightly=False)
    assert [job.id for job in without] == [soon.id, late.id]


async def test_ten_thousand_jobs_wait_and_positions_are_told_at_once(engine: AsyncEngine) -> None:
    "The position of the last, and the first to go, within 20 ms."
    store = JobStore(engine)
    first = await store.add(a_request(0), "gpu.sdg", PULL_REQUEST_PRIORITY, NOW)
    async with engine.begin() as connection:
        row = dict((await connection.execute(sa.select(jobs))).mappings().one())
        row.pop("id")
        rows = [
            row
            | {
                "number": n,
                "source": f"comment:{n}:1",
                "priority": n % 2 * 10,
                "due_at": due_at(NOW + timedelta(seconds=n), n % 2 * 10),
            }
            for n in range(1, 10_000)
        ]
        await connection.execute(sa.insert(jobs), rows)
        last_id = (await connection.execute(sa.select(sa.func.max(jobs.c.id)))).scalar_one()
    last = await store.get(int(last_id) - 1)
    assert last is not None
    assert last.life == Life()
    took = []
    for _ in range(5):
        began = time.perf_counter()
        assert await store.line.position(last) > 5_000
        took.append(time.perf_counter() - began)
        began = time.perf_counter()
        assert (await store.line.next_in("gpu.sdg", NOW, NOW, 2))[0].id == first.id
        took.append(time.perf_counter() - began)
    assert min(took[0::2]) <= 0.02
    assert min(took[1::2]) <= 0.02


NEEDS = st.sampled_from(list(Load))


@given(needs=st.lists(NEEDS, max_size=12), loaded=NEEDS, limit=st.integers(0, 12))
def test_batches_hold_everybody_once_and_keep_the_order_of_the_alike(
    needs: list[Load], loaded: Load, limit: int
) -> None:
    "Nobody is lost or doubled, and nobody passes one who needs the same."
    line = list(enumerate(needs))
    taken = in_batches(line, lambda job: job[1], [loaded], limit=limit)
    assert len(taken) == min(limit, len(line))
    assert len(set(taken)) == len(taken)
    for need in (Load.TEACHER, Load.STUDENT):
        alike = [job for job in taken if job[1] is need]
        assert alike == [job for job in line if job[1] is need][: len(alike)]


def test_what_is_loaded_goes_on_until_somebody_has_waited_too_long() -> None:
    "Teacher's work passes a waiting student's job, but not for longer than the patience."
    line = [(1, Load.STUDENT), (2, Load.TEACHER), (3, Load.TEACHER), (4, Load.STUDENT)]
    passed = PassedOver(PATIENCE)

    def taken_at(at: datetime, limit: int) -> list[int]:
        chosen = in_batches(
            line,
            lambda job: job[1],
            [Load.TEACHER],
            is_overdue=lambda job: passed.is_overdue(job[0], at),
            limit=limit,
        )
        ids = [job_id for job_id, _ in chosen]
        passed.note([job_id for job_id, _ in line], ids, at)
        return ids

    assert taken_at(NOW, 1) == [2]
    del line[1]
    assert taken_at(NOW + PATIENCE, 2) == [1, 4]


@settings(deadline=None)
@given(
    arrivals=st.lists(st.tuples(st.integers(0, 200), NEEDS), min_size=1, max_size=40),
    minutes=st.integers(1, 15),
)
def test_nobody_is_passed_for_longer_than_the_patience(arrivals: list[tuple[int, Load]], minutes: int) -> None:
    "One worker, any mixture: who was first passed twenty minutes ago is passed by nobody any more."
    coming = sorted((m, n, need) for n, (m, need) in enumerate(arrivals))
    line: list[tuple[int, int, Load]] = []
    passed, loaded, at = PassedOver(PATIENCE), Load.NOTHING, NOW
    first_passed: dict[int, datetime] = {}
    begun = 0
    while coming or line:
        while coming and NOW + timedelta(minutes=coming[0][0]) <= at:
            line.append(coming.pop(0))
        now = at
        chosen = in_batches(
            line,
            lambda job: job[2],
            [loaded],
            is_overdue=lambda job, now=now: passed.is_overdue(job[1], now),
            limit=1,
        )
        passed.note([n for _, n, _ in line], [n for _, n, _ in chosen], at)
        for job in chosen:
            for other in line[: line.index(job)]:
                assert at - first_passed.setdefault(other[1], at) < PATIENCE
            line.remove(job)
            begun += 1
            loaded = job[2] if job[2] is not Load.NOTHING else loaded
        at += timedelta(minutes=minutes if chosen else 1)
    assert begun == len(arrivals)
