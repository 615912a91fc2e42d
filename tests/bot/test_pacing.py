"""Writes go out no faster than GitHub takes them."""

from __future__ import annotations

import asyncio

from bot.clock import MovableClock
from bot.github.pacing import WriteLimits, WritePacer


async def test_a_burst_passes_and_then_writes_are_spaced() -> None:
    "Three writes pass at once; the fourth waits for a token, which comes every second at sixty a minute."
    clock = MovableClock()
    pacer = WritePacer(clock, WriteLimits(burst=3, per_minute=60, per_hour=500))
    for _ in range(3):
        await asyncio.wait_for(pacer.admit(), 1)

    fourth = asyncio.create_task(pacer.admit())
    await clock.advance(seconds=0.9)
    assert not fourth.done()
    await clock.advance(seconds=0.2)
    assert fourth.done()


async def test_the_hourly_limit_holds_too() -> None:
    "Even when the minute would allow more, the hour's budget is not overdrawn."
    clock = MovableClock()
    pacer = WritePacer(clock, WriteLimits(burst=60, per_minute=600, per_hour=10))
    for _ in range(10):
        await asyncio.wait_for(pacer.admit(), 1)
    eleventh = asyncio.create_task(pacer.admit())
    await clock.advance(minutes=5)
    assert not eleventh.done()
    await clock.advance(minutes=2)
    assert eleventh.done()


async def test_two_replicas_together_write_no_faster_than_one() -> None:
    "Each of two lets through its half; when one is gone, the other has everything, at the next look."
    clock, alive = MovableClock(), 2
    limits = WriteLimits(burst=10, per_minute=60, per_hour=500)
    pacers = [WritePacer(clock, limits, lambda: alive) for _ in range(2)]
    written: list[int] = []

    async def write_on(number: int) -> None:
        while True:
            await pacers[number].admit()
            written.append(number)

    writers = [asyncio.create_task(write_on(number)) for number in range(2)]
    await clock.advance(seconds=60.5)
    assert len(written) == 10 + 60
    assert written.count(0) == written.count(1)

    writers[1].cancel()
    alive = 1
    written.clear()
    await clock.advance(minutes=1)
    assert 59 <= len(written) <= 61
    writers[0].cancel()


async def test_the_smallest_burst_can_be_shared() -> None:
    "Of a burst of one, half would never be a write: each has room for one, and gets it half as often."
    clock = MovableClock()
    pacer = WritePacer(clock, WriteLimits(burst=1, per_minute=60, per_hour=500), lambda: 3)
    await asyncio.wait_for(pacer.admit(), 1)
    second = asyncio.create_task(pacer.admit())
    await clock.advance(seconds=2.9)
    assert not second.done()
    await clock.advance(seconds=0.2)
    assert second.done()


async def test_when_github_asks_for_a_pause_nothing_passes() -> None:
    "A Retry-After of a minute stops every write for a minute."
    clock = MovableClock()
    pacer = WritePacer(clock, WriteLimits(burst=60, per_minute=80, per_hour=500))
    pacer.pause(60)
    write = asyncio.create_task(pacer.admit())
    await clock.advance(seconds=59)
    assert not write.done()
    await clock.advance(seconds=2)
    assert write.done()
