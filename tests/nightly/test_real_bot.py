"""The bot as it is served has builds run by itself: planned when due, begun, sent to workers, shown on GitHub."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path

from bot.nightly.by_hand import BuildDesk
from bot.store.builds import BuildStore
from bot.store.history import History
from bot.store.jobs import JobStore
from tests.stories.test_nightly import merged
from tests.world import World
from tests.world.nights import leaf_named


async def eventually(world: World, is_so: Callable[[], Awaitable[bool]]) -> None:
    "Let time pass, minute by minute, until something is so."
    async with asyncio.timeout(30):
        while not await is_so():
            await world.clock.advance(seconds=20)
            await asyncio.sleep(0.02)


async def test_a_build_begins_by_itself_and_is_cancelled_by_hand(world: World, tmp_path: Path) -> None:
    "Its leaves are queued and the first message is out; cancelled, everything of it ends."
    world.repo.permissions |= {"max": "maintain"}
    pr = await merged(world, "haiku")
    await world.stop_bot()
    world.queue = None
    folders = {"broker_url": f"filesystem://{tmp_path / 'broker'}", "artifacts_url": str(tmp_path / "artifacts")}
    await world.clock.advance(hours=17)
    await world.start_bot(nightly=True, **folders)

    async def is_sent() -> bool:
        rows = await world.rows("select step, sent_at from jobs where build_id > 0")
        return len(rows) == 2 and any(sent_at for _, sent_at in rows)

    await eventually(world, is_sent)

    async def is_labelled() -> bool:
        return "cmb-running" in pr.labels

    await eventually(world, is_labelled)
    steps = {step for (step,) in await world.rows("select step from jobs where build_id > 0")}
    assert f"generate/{leaf_named('haiku')}" in steps
    assert not await world.rows("select 1 from jobs where check_run_id is not null")

    async with world.database() as engine:
        desk = BuildDesk(BuildStore(engine), JobStore(engine), History(engine), world.clock, world.repo.id)
        asked = await desk.cancel(date(2026, 1, 6), "max")
        assert asked.warning == ""

        async def is_over() -> bool:
            states = {state for (state,) in await world.rows("select state from jobs where build_id > 0")}
            return states == {"cancelled"} and "cmb-running" not in pr.labels

        await eventually(world, is_over)
    await world.stop_bot()
    world.queue = world.jobs
    await world.start_bot(nightly=False)
    pr.has_been_read()
