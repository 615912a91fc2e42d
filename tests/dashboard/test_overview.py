"""The overview: how things stand in words, small enough for a phone on a train, and the first day explains itself."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.dashboard.overview_facts import Vitals, signs
from bot.jobs import JobKind
from bot.store.gpu_hours import GpuHours
from tests.dashboard.shop_floor import ShopFloor
from tests.dashboard.visitor import Visitor
from tests.world import World

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
WELL = Vitals(NOW, 0, 0, NOW, timedelta(minutes=5), 1, False, 4_990, 5_000, GpuHours(0, 0), 0, 0, 0, False)


async def test_on_the_first_day_it_says_what_to_do(world: World, visitor: Visitor) -> None:
    "No pull request is open and nothing was computed: the page says how it begins."
    pr = await world.ana.opens_pr()
    await world.settled()
    assert "This is where it begins" not in (await visitor.opens_page()).words
    await world.github.close_pull(pr.pull)
    await world.settled()
    seen = await visitor.opens_page()
    assert "This is where it begins" in seen.words
    assert "Nothing was built yet" in seen.words
    assert "Nothing is being computed" in seen.words


async def test_it_says_what_runs_and_what_waits_for_whom(shop: tuple[World, ShopFloor]) -> None:
    "A pull request waits for triage, one job runs, others wait; the parts that change refresh themselves."
    world, floor = shop
    pr = await world.ana.opens_pr()
    await world.settled()
    jobs = [await floor.asks(world.repo.id, pr.number, JobKind.PRECHECK, pr.pull.head_sha)]
    work = await floor.takes(jobs[0].id)
    await work.tells(share=0.42, stage="asked 21 of 50 <b>questions</b>")
    await floor.asks(world.repo.id, pr.number, JobKind.GENERATE, pr.pull.head_sha)
    async with Visitor(world) as reader:
        seen = await reader.opens_page()
        assert "1 waits for a triager" in seen.words
        assert "asked 21 of 50 <b>questions</b>" in seen.words
        assert "<b>questions" not in seen.html
        assert 'value="0.420"' in seen.html
        assert "Generating data 1 waiting" in seen.words
        assert "gpu-1" not in seen.words
        assert 'data-live="5"' in seen.html
        assert len(seen.html) < 20_000
        await reader.signs_in("tess")
        assert "on gpu-1" in (await reader.opens_page()).words


async def test_a_private_repository_shows_nothing_to_strangers(shop: tuple[World, ShopFloor]) -> None:
    "Not even how much there is to do."
    world, _ = shop
    await world.ana.opens_pr()
    await world.settled()
    world.repo.private = True
    await world.clock.advance(minutes=2)
    async with Visitor(world) as stranger:
        for rest in ("", "/queue", "/jobs"):
            seen = await stranger.opens_page(rest)
            assert (seen.status, "waits" in seen.words) == (401, False)
        await stranger.signs_in("eve")
        assert (await stranger.opens_page("/queue")).status == 404


@pytest.mark.parametrize(
    ("change", "topic", "badge", "kind"),
    [
        ({}, "Deliveries", "fine", "good"),
        ({"parked": 3}, "Deliveries", "given up", "bad"),
        ({"waiting": 500}, "Deliveries", "busy", "wait"),
        ({"swept_at": NOW - timedelta(hours=2)}, "Sweeps", "late", "bad"),
        ({"swept_at": None}, "Sweeps", "not yet", "wait"),
        ({"sweeps_every": None, "is_silent": True}, "Sweeps", "off", "wait"),
        ({"is_github_away": True}, "GitHub", "away", "bad"),
        ({"calls_left": 12}, "GitHub", "nearly used up", "wait"),
        ({"calls_left": None}, "GitHub", "reachable", "good"),
        ({"gpu_per_day": 4.0, "gpu": GpuHours(1, 1)}, "Budget", "fine", "good"),
        ({"gpu_per_day": 4.0, "gpu": GpuHours(3.9, 9)}, "Budget", "nearly used up", "wait"),
        ({"gpu_per_month": 4.0, "gpu": GpuHours(0, 5)}, "Budget", "used up", "bad"),
        ({"broken_jobs": 2}, "Jobs", "some broke down", "bad"),
        ({"replicas": 0}, "Replicas", "none", "bad"),
        ({"replicas": 3}, "Replicas", "3 alive", "good"),
    ],
)
def test_health_in_words(change: dict[str, object], topic: str, badge: str, kind: str) -> None:
    found = {sign.topic: sign for sign in signs(replace(WELL, **change))}  # type: ignore[arg-type]
    assert (found[topic].badge, found[topic].kind) == (badge, kind)
    others = [sign for name, sign in found.items() if name != topic]
    assert all(sign.kind != "bad" for sign in others)


async def test_the_last_sweep_is_told(shop: tuple[World, ShopFloor]) -> None:
    "Whoever looks after the bot sees that it still looks after everything."
    world, _ = shop
    await world.ana.opens_pr()
    await world.settled()
    await world.stop_bot()
    await world.start_bot(sweep_minutes=5.0)
    await world.one_sweep_passes()
    async with Visitor(world) as reader:
        seen = await reader.opens_page()
    assert re.search("Sweeps : All open pull requests were looked at (just now|[12] min ago)", seen.words), seen.words
