"""Live logs: each line comes once to everybody who may see it, however slow they are or often they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from bot.clock import MovableClock
from bot.dashboard.log_cursor import BACK, LogCursor
from bot.dashboard.log_hub import LogHub
from bot.dashboard.log_lines import LogEvent
from bot.store.database import open_engine
from pipeline.contract import Ending
from tests.dashboard.shop_floor import ShopFloor, Work
from tests.dashboard.stream import Stream
from tests.dashboard.visitor import Visitor
from tests.world import World

Shop = tuple[World, ShopFloor]


async def ticks(world: World, until: Callable[[], bool]) -> None:
    "Let seconds pass until something is so."
    async with asyncio.timeout(20):
        while not until():
            await world.clock.advance(seconds=1)
            await asyncio.sleep(0.01)


@pytest.fixture
async def tess(shop: Shop) -> AsyncIterator[Visitor]:
    "A triager at her browser."
    async with Visitor(shop[0]) as visitor:
        await visitor.signs_in("tess")
        yield visitor


async def running_job(shop: Shop) -> tuple[str, Work]:
    "A job of ana's pull request that runs, and where its log is watched."
    world, floor = shop
    pr = await world.ana.opens_pr()
    await world.settled()
    job = await floor.asks(world.repo.id, pr.number, head=pr.pull.head_sha)
    return f"/r/{world.repo.full_name}/jobs/{job.id}", await floor.takes(job.id)


def numbers(text: str) -> list[int]:
    "The numbers of the lines that say one."
    return [int(line.rpartition(" ")[2]) for line in text.splitlines() if " line " in line]


async def test_a_log_grows_before_the_eyes_of_a_triager_until_the_job_is_over(shop: Shop, tess: Visitor) -> None:
    "What is there comes at once, what is told later within a second, and at the end the browser is told so."
    world, _ = shop
    path, work = await running_job(shop)
    await work.tells("line 1")
    async with tess.watches(f"{path}/log/stream") as stream:
        await ticks(world, lambda: numbers(stream.text) == [1])
        await work.tells("line 2", "line 3")
        await ticks(world, lambda: numbers(stream.text) == [1, 2, 3])
        await work.ends(Ending.SUCCEEDED, "", "line 4")
        await ticks(world, lambda: stream.is_over)
        assert numbers(stream.text) == [1, 2, 3, 4]
        assert stream.text.startswith("== attempt 1 ==\n09:")


async def test_a_page_goes_on_where_it_was_made(shop: Shop, tess: Visitor) -> None:
    "The page holds the last lines, and the stream that it names only what comes after them."
    world, _ = shop
    path, work = await running_job(shop)
    await work.tells("line 1", "line 2")
    page = await tess.opens(path)
    assert "line 2" in page.words
    address = page.html.partition('data-log="')[2].partition('"')[0]
    async with tess.watches(address) as stream:
        await work.tells("line 3")
        await ticks(world, lambda: numbers(stream.text) == [3])
        await ticks(world, lambda: stream.comments > 0)
        await work.ends()
        await ticks(world, lambda: stream.is_over)
    assert numbers(stream.text) == [3]


async def test_who_comes_again_misses_nothing_also_of_what_came_late(shop: Shop, tess: Visitor) -> None:
    "A report that was overtaken arrives while nobody watches: it is shown, and what was seen is not shown again."
    world, _ = shop
    path, work = await running_job(shop)
    await work.tells("line 1")
    await work.tells("line 3", sequence=3)
    first = tess.watches(f"{path}/log/stream")
    async with first:
        await ticks(world, lambda: numbers(first.text) == [1, 3])
    await work.tells("line 2", sequence=2)
    await work.tells("line 4", sequence=4)
    second = tess.watches(f"{path}/log/stream", last_id=first.last_id)
    async with second:
        await ticks(world, lambda: len(numbers(second.text)) == 2)
        await work.tells("line 6", sequence=6)
        await ticks(world, lambda: numbers(second.text) == [2, 4, 6])
        await work.tells("line 5", sequence=5)
        await ticks(world, lambda: numbers(second.text) == [2, 4, 6, 5])
        await work.ends()
        await ticks(world, lambda: second.is_over)
    assert numbers(second.text) == [2, 4, 6, 5]


async def test_another_attempt_goes_on_in_the_same_log(shop: Shop, tess: Visitor) -> None:
    "The worker breaks down: what the next one tells follows under its number."
    world, floor = shop
    path, work = await running_job(shop)
    await work.tells("line 1")
    stream = tess.watches(f"{path}/log/stream")
    async with stream:
        await ticks(world, lambda: numbers(stream.text) == [1])
        await work.ends(Ending.INFRA_ERROR, "the machine is on fire")
        await world.clock.advance(minutes=2)
        again = await floor.takes(work.job_id, "gpu-2")
        await again.tells("line 2")
        await ticks(world, lambda: numbers(stream.text) == [1, 2])
        assert "== attempt 2 ==" in stream.text
        await again.ends()
        await ticks(world, lambda: stream.is_over)


async def test_hostile_lines_are_shown_and_do_nothing(shop: Shop, tess: Visitor) -> None:
    "Colours, titles of windows, HTML, events of the stream itself, direction marks and a line of huge length."
    world, _ = shop
    path, work = await running_job(shop)
    evil = [
        "\x1b[31mred\x1b[0m",
        "\x1b]0;owned\x07title",
        "<script>alert(1)</script><img src=x onerror=alert(1)>",
        "event: over",
        "data: \\u003cb\\u003e",
        "left\u202eright",
        "nul\x00 bell\x07 back\x08",
        "x" * 50_000,
    ]
    await work.tells(*evil)
    async with tess.watches(f"{path}/log/stream") as stream:
        await ticks(world, lambda: "xxxx" in stream.text)
        assert not stream.is_over
        assert "red" in stream.text
        assert "owned" not in stream.text
        for character in ("\x1b", "\u202e", "\x00", "\x07", "\x08"):
            assert character not in stream.text
        assert "left<U+202E>right" in stream.text
        assert stream.largest < 10_000
    page = await tess.opens(path)
    assert "<script>alert" not in page.html
    assert "<img src=x" not in page.html
    assert "&lt;script&gt;alert(1)" in page.html
    assert len(page.html) < 20_000


@pytest.mark.parametrize("login", ["", "eve", "ben"])
async def test_outsiders_get_nothing_of_a_log(shop: Shop, login: str) -> None:
    "Neither somebody who is not signed in, nor a stranger, nor the author of another pull request."
    world, _ = shop
    path, work = await running_job(shop)
    await world.ben.opens_pr()
    await world.settled()
    await work.tells("line 1, which is private")
    async with Visitor(world) as visitor:
        if login:
            await visitor.signs_in(login)
        for rest in ("", "/log", "/log/stream"):
            seen = await visitor.opens(path + rest)
            assert seen.status == (404 if login else 401)
            assert "private" not in seen.html
            missing = await visitor.opens(f"/r/{world.repo.full_name}/jobs/99999{rest}")
            assert (missing.status, missing.words) == (seen.status, seen.words)


async def test_the_author_watches_their_own(shop: Shop) -> None:
    "Logs of a pull request are its author's to see, too."
    world, _ = shop
    path, work = await running_job(shop)
    await work.tells("line 1")
    async with Visitor(world) as ana:
        await ana.signs_in("ana")
        async with ana.watches(f"{path}/log/stream") as stream:
            await ticks(world, lambda: numbers(stream.text) == [1])
            assert not stream.is_over


async def test_two_hundred_watch_and_the_database_is_asked_once_a_second(database_url: str, shop: Shop) -> None:
    "Each gets every line once; while they watch, a quiet second costs one question, a line two more."
    _, work = await running_job(shop)
    engine, clock = open_engine(database_url), MovableClock()
    hub = LogHub(engine, clock)
    got: list[list[LogEvent]] = [[] for _ in range(200)]

    async def watch(mine: list[LogEvent]) -> None:
        async with hub.listen(work.job_id, LogCursor()) as events:
            async for each in events:
                mine.append(each)  # noqa: PERF401 - what came so far is looked at meanwhile

    watching = [asyncio.create_task(watch(mine)) for mine in got]
    await _until(lambda: hub.listening == 200)
    await asyncio.sleep(0.2)
    asked: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    for number in range(1, 41):
        await work.tells(f"line {number}")
        await clock.advance(seconds=1)
        await _until(partial(_have, got, number))
    await clock.advance(seconds=1)
    await asyncio.sleep(0.05)
    assert len([query for query in asked if "job_reports" in query or "jobs" in query]) <= 4 * 42
    await work.ends()
    await clock.advance(seconds=2)
    await _until(lambda: all(task.done() for task in watching))
    wires = {tuple(each.wire for each in mine if each.key) for mine in got}
    assert [len(lines) for lines in wires] == [40]
    assert all(mine[-1].is_last for mine in got)
    await hub.close()
    await engine.dispose()


def _have(got: list[list[LogEvent]], count: int) -> bool:
    return all(len(mine) >= count for mine in got)


def _has_lines(stream: Stream, count: int) -> bool:
    return stream.text.count("\n") > count


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_a_slow_reader_is_cut_off_and_goes_on_where_it_was(shop: Shop, tess: Visitor) -> None:
    "It holds up nobody else and no memory; when it comes again, it gets the rest, each line once."
    world, _ = shop
    path, work = await running_job(shop)
    long = "y" * 1_500
    slow = await tess.stalls(f"{path}/log/stream")
    async with tess.watches(f"{path}/log/stream") as quick:
        count = 0
        async with asyncio.timeout(60):
            for count in range(1, 26):
                await work.tells(*(f"{long} line {count * 200 + n}" for n in range(200)))
                await ticks(world, partial(_has_lines, quick, count * 200))
        await work.ends()
        await ticks(world, lambda: quick.is_over)
        assert len(numbers(quick.text)) == count * 200
    got = await slow.reads_on()
    assert not got.is_over
    resumed = tess.watches(f"{path}/log/stream", last_id=got.last_id)
    async with resumed:
        await ticks(world, lambda: resumed.is_over)
    assert numbers(resumed.text)
    assert numbers(got.text) + numbers(resumed.text) == numbers(quick.text)


async def test_a_bot_that_stops_waits_for_no_watcher(shop: Shop, tess: Visitor) -> None:
    "Streams end at once; the browser comes again by itself."
    world, _ = shop
    path, work = await running_job(shop)
    await work.tells("line 1")
    async with tess.watches(f"{path}/log/stream") as stream:
        await ticks(world, lambda: numbers(stream.text) == [1])
        async with asyncio.timeout(10):
            await world.stop_bot()
        await stream.ended()
        assert not stream.is_over
    await world.start_bot()


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 2 * BACK)), max_size=80),
    st.lists(st.integers(0, 79), max_size=10),
)
def test_a_word_of_the_browser_says_what_was_seen(keys: list[tuple[int, int]], cuts: list[int]) -> None:
    "Written and read again anywhere on the way, it knows every part that was seen, and none of those too new."
    cursor, seen = LogCursor(), set()
    for place, key in enumerate(keys):
        cursor = cursor.after(key)
        seen.add(key)
        if place in cuts:
            cursor = LogCursor.read(str(cursor))
        assert all(cursor.has(each) for each in seen)
    newest = max(seen, default=(0, 0))
    unseen = {(newest[0], newest[1] - back) for back in range(BACK)} - seen
    assert not any(cursor.has(key) for key in unseen if key[1] > 0)
    assert not cursor.has((newest[0], newest[1] + 1))
    assert not cursor.has((newest[0] + 1, 1))


@pytest.mark.parametrize("word", ["", "x", "1.2", "1.2-", "1.2-g", "-1.2-1", "1" * 30 + ".1-1", "1.2-1\n", "١.٢-1"])
def test_a_word_of_nobody_is_the_beginning(word: str) -> None:
    assert LogCursor.read(word) == LogCursor()
