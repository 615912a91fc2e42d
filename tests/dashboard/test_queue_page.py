"""The queues and the list of jobs: in order, with when it should begin, and nothing of other repositories."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta

import pytest

from bot.budgets import Budget
from bot.dashboard.access import Access
from bot.dashboard.queue_facts import ShopFloor as Floor
from bot.dashboard.queue_facts import gpus_shown, queues_shown, workers_shown
from bot.events import Origin
from bot.job_prospects import Work, begins_in
from bot.jobs import JobKind, JobState
from bot.presence import Presence
from bot.roles import Role
from bot.store.board_jobs import JobRow, PullOfJob
from bot.store.gpu_hours import GpuHours
from bot.store.switches import GPU_PAUSED, Switch
from pipeline.contract import Load, Queue
from tests.dashboard.shop_floor import ShopFloor
from tests.dashboard.visitor import Visitor
from tests.world import World

Shop = tuple[World, ShopFloor]
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
OURS, THEIRS = 1, 2


@pytest.fixture
async def tess(shop: Shop) -> AsyncIterator[Visitor]:
    "A triager at her browser."
    async with Visitor(shop[0]) as visitor:
        await visitor.signs_in("tess")
        yield visitor


def a_row(job_id: int, kind: JobKind = JobKind.GENERATE, repository_id: int = OURS, **changes: object) -> JobRow:
    "A job that waits, or with a worker runs since an hour."
    queue = {JobKind.GENERATE: Queue.SDG, JobKind.EVALUATE: Queue.EVAL}[kind].value
    worker = str(changes.get("worker", ""))
    state, since = (JobState.RUNNING, NOW - HOUR) if worker else (JobState.QUEUED, None)
    share = changes.get("share")
    assert share is None or isinstance(share, float)
    return JobRow(
        job_id, repository_id, job_id, 0, "", kind, state, queue, 10, "tess", NOW - HOUR, None, 1, share,
        "half <way>", worker, since, None, 0.0,
    )  # fmt: skip


def access(role: Role = Role.OUTSIDER, user_id: int = 0) -> Access:
    return Access(Origin(OURS, "instruct/taxonomy", 7), is_public=True, role=role, user_id=user_id)


def a_floor(rows: list[JobRow], workers: dict[str, Presence] | None = None, **changes: object) -> Floor:
    "All queues at one moment; a generation takes an hour."
    running = [row for row in rows if row.worker]
    line = [row for row in rows if not row.worker]
    values = {
        "now": NOW,
        "counts": {Queue.SDG.value: (len(line), len(running))},
        "running": running,
        "lines": {Queue.SDG.value: line},
        "workers": workers or {},
        "times": {"generate": [3600.0]},
        "budget": Budget(),
        "paused": Switch(),
    }
    return Floor(**(values | changes))  # type: ignore[arg-type]


def test_each_begins_when_a_worker_is_free_for_it() -> None:
    "One worker is half through an hour's work, another has nothing to do; three wait."
    busy = [Work("generate", HOUR / 2, 0.5)]
    waits = begins_in(["generate"] * 3, busy, 1, {"generate": [3600.0]})
    assert list(waits) == [timedelta(0), HOUR / 2, HOUR]


def test_nobody_knows_when_nobody_works_or_nothing_was_measured() -> None:
    "No worker: no time. An unmeasured kind ahead: its own time is known, those behind it are not."
    assert list(begins_in(["generate"], [], 0, {"generate": [3600.0]})) == [None]
    assert list(begins_in(["mix", "generate"], [], 1, {"generate": [3600.0]})) == [timedelta(0), None]
    assert list(begins_in(["generate"], [Work("mix", HOUR)], 1, {"generate": [3600.0]})) == [None]


def test_who_waits_is_told_when_it_should_begin() -> None:
    "In order; the one that runs should be done when the first of them begins."
    rows = [a_row(1, worker="gpu-1", share=0.5), a_row(2), a_row(3)]
    workers = {"gpu-1": Presence(frozenset({Queue.SDG}), is_busy=True, heard_at=NOW)}
    [sdg] = [each for each in queues_shown(a_floor(rows, workers), access()) if each.name == Queue.SDG]
    assert [job.expected_at for job in (*sdg.running, *sdg.line)] == [NOW + HOUR, NOW + HOUR, NOW + 2 * HOUR]
    assert (sdg.waiting, sdg.workers, sdg.idle, sdg.is_stuck) == (2, 1, 0, False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"paused": Switch(is_on=True, set_by="max", at=NOW)}, "paused"),
        ({"budget": Budget(quiet_from=time(8), quiet_until=time(10))}, "10:00 UTC"),
    ],
)
def test_what_is_held_up_says_why_and_no_time(change: dict[str, object], words: str) -> None:
    floor = a_floor([a_row(2)], {"w": Presence(frozenset(Queue), is_busy=False, heard_at=NOW)}, **change)
    [sdg] = [each for each in queues_shown(floor, access()) if each.name == Queue.SDG]
    assert words in sdg.held_because
    assert sdg.line[0].expected_at is None
    shown = gpus_shown(floor, GpuHours(0, 0), 0.0, {})
    assert shown.is_paused or shown.is_quiet


def test_of_other_repositories_only_that_something_is_there_is_told() -> None:
    "Neither number, title, stage, name nor build; the place in the line stays."
    rows = [a_row(41, repository_id=THEIRS, worker="gpu-1", share=0.5), a_row(42, repository_id=THEIRS), a_row(3)]
    floor = a_floor(rows, pulls={41: PullOfJob(5, "eve", "secret"), 42: PullOfJob(5, "eve", "secret")})
    [sdg] = [each for each in queues_shown(floor, access(Role.MAINTAINER)) if each.name == Queue.SDG]
    for job in (sdg.running[0], sdg.line[0]):
        told = (job.id, job.number, job.pull_title, job.author, job.stage, job.asked_by, job.build_id, job.is_open)
        assert told == (0, 0, "", "", "", "", 0, False)
    assert sdg.line[1].number == 3


def test_workers_are_known_by_their_hello_or_by_their_job() -> None:
    "One that fell silent is no longer there, unless its job still runs."
    workers = {
        "idle": Presence(frozenset({Queue.CPU}), is_busy=False, heard_at=NOW, loaded=Load.TEACHER),
        "gone": Presence(frozenset({Queue.CPU}), is_busy=False, heard_at=NOW - HOUR),
    }
    shown = workers_shown(a_floor([a_row(1, worker="busy")], workers), access(Role.TRIAGER))
    assert [(each.name, each.loaded, bool(each.job)) for each in shown] == [
        ("busy", "", True),
        ("idle", "teacher", False),
    ]


async def test_the_queues_are_shown_in_order(shop: Shop, tess: Visitor) -> None:
    "What runs comes with its progress and worker, what waits in its order; strangers read less."
    world, floor = shop
    prs = [await person.opens_pr() for person in (world.ana, world.ben, world.cleo)]
    await world.settled()
    jobs = [await floor.asks(world.repo.id, pr.number, JobKind.GENERATE, pr.pull.head_sha) for pr in prs]
    work = await floor.takes(jobs[0].id, "gpu-<b>1")
    await work.tells(share=0.5, stage="leaf 3 of 6")
    seen = await tess.opens_page("/queue")
    assert "1 running 2 waiting" in seen.words
    assert re.search(rf"leaf 3 of 6 · on gpu-<b>1 .*1\. Generation of #{prs[1].number}.*2\. Generation", seen.words)
    assert "<b>1" not in seen.html
    async with Visitor(world) as stranger:
        page = await stranger.opens_page("/queue")
        assert "leaf 3 of 6" in page.words
        assert "gpu-<" not in page.words
        assert f"/jobs/{jobs[1].id}" not in page.html


async def test_paused_gpus_are_told(shop: Shop, tess: Visitor) -> None:
    "By whom is for triagers."
    world, floor = shop
    await world.ana.opens_pr()
    await world.settled()
    await floor.switches.set(GPU_PAUSED, world.clock.now(), on=True, by="max")
    assert "The GPUs are paused by max" in (await tess.opens_page("/queue")).words
    async with Visitor(world) as stranger:
        seen = await stranger.opens_page("/queue")
        assert "The GPUs are paused" in seen.words
        assert "max" not in seen.words


async def test_jobs_are_listed_the_newest_first_page_by_page(shop: Shop, tess: Visitor) -> None:
    "Each comes once, also when new ones are asked for while somebody turns the pages."
    world, floor = shop
    await world.ana.opens_pr()
    await world.settled()
    jobs = [await floor.asks(world.repo.id, 100 + n // 4, _kind(n)) for n in range(70)]
    found, rest = [], "/jobs"
    while rest:
        seen = await tess.opens_page(rest)
        found += [int(number) for number in re.findall(r'<th scope="row" class="number">(\d+)</th>', seen.html)]
        older = re.search(r'href="[^"]*/jobs(\?[^"]*)" rel="next"', seen.html)
        rest = f"/jobs{older[1]}".replace("&amp;", "&") if older else ""
        await floor.asks(world.repo.id, 200 + len(found))
    assert found == [job.id for job in reversed(jobs)]


async def test_jobs_are_found_by_kind_state_and_pull_request(shop: Shop, tess: Visitor) -> None:
    "Filters add up; nonsense in the address is no filter, and no error."
    world, floor = shop
    await world.ana.opens_pr()
    await world.settled()
    for number in range(8):
        await floor.asks(world.repo.id, 100 + number // 4, _kind(number))
    await floor.asks(world.repo.id + 1, 100, JobKind.GENERATE)

    async def count(query: str) -> int:
        seen = await tess.opens_page(f"/jobs{query}")
        assert seen.status == 200
        return seen.html.count('<th scope="row"')

    assert await count("") == 8
    assert await count("?kind=generate") == 2
    assert await count("?number=100") == 4
    assert await count("?number=%23101&kind=precheck&state=waiting") == 1
    assert await count("?state=failed") == 0
    for nonsense in ("?kind=<b>", "?state=1'--", "?number=x", "?before=-1", "?before=9" + "9" * 40, "?number=²"):
        assert await count(nonsense) == 8
    assert "No such jobs" in (await tess.opens_page("/jobs?state=done")).words


def _kind(number: int) -> JobKind:
    return (JobKind.PRECHECK, JobKind.GENERATE, JobKind.EVALUATE, JobKind.POSTCHECK)[number % 4]
