"""Handled webhooks are forgotten after some time, and only those."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from bot.store.database import open_engine
from bot.store.deliveries import Delivery, DeliveryState, DeliveryStore
from tests.world import World


async def deliveries(world: World) -> list[tuple[str, str]]:
    "What the database holds, and how it stands."
    return [(guid, state) for guid, state in await world.rows("select guid, state from deliveries order by id")]


async def test_a_sweep_forgets_what_was_handled_long_ago(world: World) -> None:
    "Done or given up; what still waits stays however old it is, and so does what was handled lately."
    async with world.database() as engine:
        store = DeliveryStore(engine)
        now = world.clock.now()
        ends = {"done": DeliveryState.DONE, "given-up": DeliveryState.FAILED}
        await store.add([Delivery(guid, "ping", 1, "1", b"{}", now, state=end) for guid, end in ends.items()])
        await world.stop_bot()
        await store.add([Delivery("waits", "ping", 1, "1", b"{}", now)])
        await world.clock.advance(days=29)
        await store.add([Delivery("lately", "ping", 1, "1", b"{}", world.clock.now(), state=DeliveryState.DONE)])
        await world.start_bot(handling=False)
        await world.sweeper.sweep()
        assert [guid for guid, _ in await deliveries(world)] == ["done", "given-up", "waits", "lately"]
        await world.clock.advance(days=2)
        await world.sweeper.sweep()
        assert await deliveries(world) == [("waits", "received"), ("lately", "done")]


async def test_a_great_many_are_forgotten(database_url: str, world: World) -> None:
    "More than are deleted at once; a number that was given is not given again."
    engine = open_engine(database_url)
    store, now = DeliveryStore(engine), world.clock.now()
    done = DeliveryState.DONE
    await store.add([Delivery(f"guid-{n}", "ping", 1, "1", b"", now, state=done) for n in range(1234)])
    assert await store.forget(now) == 0
    assert await store.forget(now + timedelta(seconds=1)) == 1234
    await store.add([Delivery("another", "ping", 1, "1", b"{}", now, state=done)])
    assert await world.rows("select id from deliveries") == [(1235,)]
    await engine.dispose()


def test_what_github_may_send_again_is_remembered(world: World) -> None:
    "A setting that would forget it sooner is refused."
    with pytest.raises(ValidationError, match="delivery_days"):
        type(world.settings)(**(world.settings.model_dump() | {"delivery_days": 3}))
