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
