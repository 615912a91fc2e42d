"""Who may see what, at the edges: what is not theirs, is no longer theirs, or has another name by now."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from bot.dashboard.resource_registry import ROOT
from bot.events import Origin
from bot.store.repositories import RepositoryStore
from tests.dashboard.shop_floor import ShopFloor
from tests.dashboard.test_live_log import numbers, running_job, ticks
from tests.dashboard.visitor import Visitor
from tests.world import World

Shop = tuple[World, ShopFloor]
PAGES = (
    "",
    "/pulls",
    "/pulls/1",
    "/pulls/1/samples",
    "/pulls/77",
    "/jobs/1",
    "/admin",
    "/rules",
    "/try",
    "/nonsense",
)


async def test_a_private_repository_is_told_like_one_that_is_not_there(world: World, visitor: Visitor) -> None:
    "To the letter, on pages and as JSON, for strangers who are signed in and for those who are not."
    await world.ana.opens_pr()
    await world.settled()
    world.repo.private = True
    await world.clock.advance(minutes=2)
    for login in ("", "ben"):
        if login:
            await visitor.signs_in(login, back="/rules")
        for rest in PAGES:
            theirs = await visitor.opens(f"/r/instruct/taxonomy{rest}")
            nobodys = await visitor.opens(f"/r/instruct/taxonomo{rest}")
            assert theirs.status == nobodys.status in {401, 404}, rest
            assert theirs.html == nobodys.html.replace("taxonomo", "taxonomy"), rest
        for rest in ("", "/pulls", "/pulls/1", "/pulls/1/history", "/jobs/1", "/queue"):
            theirs = await visitor.opens(f"{ROOT}/repositories/instruct/taxonomy{rest}")
            nobodys = await visitor.opens(f"{ROOT}/repositories/instruct/taxonomo{rest}")
            assert theirs.html == nobodys.html.replace("taxonomo", "taxonomy"), rest


async def test_authors_find_their_own_in_a_private_repository(world: World, visitor: Visitor) -> None:
    "The list shows theirs and nobody else's, whatever they look for; without one there is no list."
    for name in ("ana", "bob"):
        await getattr(world, name).opens_pr(title=f"Written by {name}")
    await world.settled()
    world.repo.private = True
    await world.clock.advance(minutes=2)
    await visitor.signs_in("ana", back="/rules")
    for query in ("", "?view=waiting", "?q=bob&status=all", "?next=triager"):
        assert "Written by bob" not in (await visitor.opens_page(f"/pulls{query}")).words
    seen = await visitor.opens_page("/pulls")
    assert seen.status == 200
    assert "Written by ana" in seen.words
    assert "All open ones" not in seen.words
    told = await visitor.opens(f"{ROOT}/repositories/instruct/taxonomy/pulls?status=all")
    assert "Written by ana" in told.html
    assert "Written by bob" not in told.html
    async with Visitor(world) as ben:
        await ben.signs_in("ben", back="/rules")
        assert (await ben.opens_page("/pulls")).status == 404


async def test_the_address_of_before_leads_on(world: World, visitor: Visitor) -> None:
    "After a repository was renamed, its old links lead to the new ones; strangers of a private one learn no name."
    pr = await world.ana.opens_pr()
    await world.settled()
    async with world.database() as engine:
        store = RepositoryStore(engine, world.clock)
        [known] = await store.all_known()
        for name in ("instruct/before", "instruct/between", world.repo.full_name):
            await store.note(Origin(known.origin.repository_id, name, known.origin.installation_id))
    for name in ("before", "Between"):
        seen = await visitor.opens(f"/r/instruct/{name}/pulls/{pr.number}?since=1")
        assert seen.status == 200
        assert seen.url.endswith(f"/r/instruct/taxonomy/pulls/{pr.number}?since=1")
        told = await visitor.opens(f"{ROOT}/repositories/instruct/{name}/pulls")
        assert told.url.endswith(f"{ROOT}/repositories/instruct/taxonomy/pulls")
        assert '"number":1' in told.html
    world.repo.private = True
    await world.clock.advance(minutes=2)
    seen = await visitor.opens("/r/instruct/before/pulls")
    assert (seen.status, "taxonomy/pulls" in seen.html) == (401, False)


async def test_merged_and_closed_are_told_apart(world: World, visitor: Visitor) -> None:
    "In the list, on the page, by a filter, and as JSON."
    merged, closed = await world.ana.opens_pr(title="Good one"), await world.bob.opens_pr(title="Given up")
    await world.settled()
    world.repo.permissions["max"] = "maintain"
    await world.github.merge_pull(merged.pull, by="max")
    await world.github.close_pull(closed.pull, by="bob")
    await world.settled()
    seen = await visitor.opens_page("/pulls?status=closed")
    assert "Good one" in seen.words
    assert "It is merged." in seen.words
    assert "It was closed without being merged." in seen.words
    seen = await visitor.opens_page("/pulls?status=merged")
    assert "Good one" in seen.words
    assert "Given up" not in seen.words
    told = await visitor.opens(f"{ROOT}/repositories/instruct/taxonomy/pulls/{merged.number}")
    assert '"is_open":false,"is_merged":true' in told.html


async def test_who_lost_the_right_sees_no_more_of_a_log_within_two_minutes(shop: Shop) -> None:
    "Whoever signs out or is no triager any more; the others go on."
    world, _ = shop
    world.repo.permissions["tom"] = "triage"
    path, work = await running_job(shop)
    await work.tells("line 1")
    async with Visitor(world) as tess, Visitor(world) as tom:
        await tess.signs_in("tess")
        await tom.signs_in("tom")
        async with tess.watches(f"{path}/log/stream") as hers, tom.watches(f"{path}/log/stream") as his:
            await ticks(world, lambda: numbers(hers.text) == numbers(his.text) == [1])
            del world.repo.permissions["tom"]
            for second in range(2, 10):
                await world.clock.advance(seconds=15)
                await work.tells(f"line {second}")
                await ticks(world, lambda wanted=second: wanted in numbers(hers.text))  # type: ignore[misc]
            await his.ended()
            assert len(numbers(his.text)) < 8 < len(numbers(hers.text))


async def test_what_breaks_in_the_middle_writes_no_page_into_a_stream(shop: Shop) -> None:
    "The connection is broken off, so that the browser comes again; the reason stands in the bot's log."
    world, _ = shop
    path, work = await running_job(shop)
    await work.tells("line 1")
    async with Visitor(world) as tess:
        await tess.signs_in("tess")
        async with tess.watches(f"{path}/log/stream") as first, world.database() as engine:
            await ticks(world, lambda: numbers(first.text) == [1])
            async with engine.begin() as connection:
                await connection.execute(text("ALTER TABLE job_reports RENAME TO out_of_reach"))
            async with tess.watches(f"{path}/log/stream") as second:
                await second.ended()
            async with engine.begin() as connection:
                await connection.execute(text("ALTER TABLE out_of_reach RENAME TO job_reports"))
            assert second.status == 200
            assert "Something broke" not in second.text
            assert "<" not in second.text
            await work.tells("line 2")
            await ticks(world, lambda: numbers(first.text) == [1, 2])


def test_the_table_that_is_moved_is_the_one_of_logs() -> None:
    "The test above breaks what it means to break."
    assert "job_reports" in Path("bot/store/board_logs.py").read_text()
