"""What was said is said once, whoever is about to say it, on both kinds of database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from bot.store.announcements import PATIENCE, Announcement, AnnouncementStore
from bot.store.database import open_engine

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)


async def test_of_ten_who_want_to_say_it_one_does(database_url: str) -> None:
    "Who died before saying it is waited for, then another may; what is said nobody claims again."
    engines = [open_engine(database_url) for _ in range(2)]
    stores = [AnnouncementStore(engine) for engine in engines]
    claims = await asyncio.gather(*(stores[n % 2].claim(1, "pull:12", NOW) for n in range(10)))
    assert sorted(claims) == [False] * 9 + [True]
    assert await stores[0].of(1, "pull:12") is None
    assert not await stores[1].claim(1, "pull:12", NOW + PATIENCE - timedelta(seconds=1))
    assert await stores[1].claim(1, "pull:12", NOW + PATIENCE)

    await stores[1].made(1, "pull:12", NOW, 7, "in words")

    assert await stores[0].of(1, "pull:12") == Announcement("pull:12", NOW, 7, "in words")
    assert not await stores[0].claim(1, "pull:12", NOW + timedelta(days=9))
    assert await stores[0].claim(2, "pull:12", NOW)
    for engine in engines:
        await engine.dispose()


async def test_what_could_not_be_said_may_be_tried_at_once(database_url: str) -> None:
    "A claim that is given back is free; what is said cannot be given back, only forgotten."
    engine = open_engine(database_url)
    store = AnnouncementStore(engine)
    assert await store.claim(1, "issue", NOW)
    await store.leave(1, "issue")
    assert await store.claim(1, "issue", NOW)
    await store.made(1, "issue", NOW, 3)
    await store.leave(1, "issue")
    assert await store.of(1, "issue") is not None
    await store.forget(1, "issue")
    assert await store.claim(1, "issue", NOW)
    await engine.dispose()
