"""The pages of builds: the trend, the list, one build whole, and who may see what of it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from bot.nightly.builds import BuildState
from bot.store.tables import builds
from tests.dashboard.visitor import Visitor
from tests.world import World
from tests.world.reports import Newsroom
from tests.world.told_builds import breaks, falls, passes, told_builds

FIRST, SECOND, THIRD = date(2026, 1, 6), date(2026, 1, 7), date(2026, 1, 8)


@pytest.fixture
async def newsroom(world: World, tmp_path: Path) -> AsyncIterator[Newsroom]:
    "Nights that can be told; nothing is built yet."
    async with told_builds(world, tmp_path) as newsroom:
        yield newsroom


@pytest.fixture
async def visitor(newsroom: Newsroom) -> AsyncIterator[Visitor]:
    "Somebody who is not signed in, at the bot as it runs now."
    async with Visitor(newsroom.world) as visitor:
        yield visitor


async def test_the_first_night_is_awaited_in_words(newsroom: Newsroom, visitor: Visitor) -> None:
    "Without a build the page says when one is made, and draws nothing."
    await newsroom.world.ana.opens_pr()
    await newsroom.world.settled()
    seen = await visitor.opens_page("/builds")
    assert "There is no build yet" in seen.words
    assert "Nothing is served yet" in seen.words
    assert "<img" in seen.html  # the badge
    assert "trend.svg" not in seen.html
    assert (await visitor.opens_page("/builds/trend.svg")).status == 404


async def test_the_list_tells_every_night_and_what_is_served(newsroom: Newsroom, visitor: Visitor) -> None:
    "The newest first, in words, with the trend of the scores as a chart and as a table."
    await passes(newsroom, FIRST, "haiku", 0.6)
    _, second = await passes(newsroom, SECOND, "limerick", 0.64)
    await newsroom.promote(second)
    await falls(newsroom, THIRD, "ballad")
    seen = await visitor.opens_page("/builds")
    assert re.search(r"2026-01-08 failed .*DO NOT SHIP: MMLU fell by 0.051", seen.words)
    assert re.search(r"2026-01-07 passed, served .*2026-01-06 passed, not served yet", seen.words)
    assert re.search(r"Served now 2026-01-07.1 since .*, by max", seen.words)
    assert "1 new leaf from 1 pull request · took 3 h · 0.2 GPU hours" in seen.words
    assert "2026-01-07.1 0.640 (0.59 to 0.69)" in seen.words
    chart = await visitor.opens(re.search(r'src="([^"]+trend.svg[^"]+)"', seen.html)[1])  # type: ignore[index]
    assert chart.headers["Content-Type"].startswith("image/svg+xml")
    assert "MMLU: 0.600 to 0.640" in chart.html
    assert chart.html.count('class="range"') == 2
    assert "style-src" in chart.headers["Content-Security-Policy"]


async def test_a_year_of_builds_is_turned_page_by_page(newsroom: Newsroom, visitor: Visitor) -> None:
    "Each night once, the newest first; the last page leads nowhere further."
    world, first = newsroom.world, date(2025, 1, 1)
    await world.ana.opens_pr()
    await world.settled()
    nights = [first + timedelta(days=day) for day in range(95)]
    async with newsroom.nights.engine.begin() as connection:
        await connection.execute(insert(builds), [_a_row(world, night) for night in nights])
    found: list[str] = []
    path = "/builds"
    for _ in range(10):
        seen = await visitor.opens_page(path)
        found += re.findall(r'class="night" href="[^"]+">([^<]+)<', seen.html)
        further = re.search(r'rel="next" href="[^"]+/builds(\?before=[^"]+)"', seen.html)
        if further is None:
            break
        path = f"/builds{further[1]}"
    assert found == [night.isoformat() for night in reversed(nights)]


async def test_one_build_tells_what_it_did_to_whom(newsroom: Newsroom, visitor: Visitor) -> None:
    "The call with what to type, its contributions with what they changed, its files, its time and its jobs."
    pr, build = await passes(newsroom, FIRST, "haiku")
    seen = await visitor.opens_page("/builds/2026-01-06")
    assert "taxonomy-bot nightly promote 2026-01-06.1" in seen.words
    assert re.search(rf"#{pr.number} by ana improved 0.420 → 0.710 \+0.29, 95 %: \+0.11 to \+0.44", seen.words)
    assert "compositional_skills/writing/freeform/haiku" in seen.words
    assert re.search(r"model.bin 7 bytes [0-9a-f]{64}", seen.words)
    assert "<script>alert('card')" not in seen.html
    assert "It is small." in seen.words
    assert re.search(r'/jobs/\d+">\d+</a></td><td><code>gate', seen.html)
    assert re.search(r"gate 1 done .*GPU h", seen.words)
    assert (await visitor.opens_page(f"/builds/{build.id}")).words == seen.words
    assert "2026-01-06.1 is" not in (await visitor.opens_page("/builds/2026-01-06.1")).words
    assert "planned anew: of attempt 7" in (await visitor.opens_page("/builds/2026-01-06.7")).words


async def test_answers_are_for_triagers(newsroom: Newsroom, visitor: Visitor) -> None:
    "They are taken from people's questions: everybody else sees the scores alone."
    await passes(newsroom, FIRST, "haiku")
    asked = "What do otters sleep in?"
    assert asked not in (await visitor.opens_page("/builds/2026-01-06")).words
    await visitor.signs_in("ana")
    assert asked not in (await visitor.opens_page("/builds/2026-01-06")).words
    await visitor.signs_in("tess")
    assert asked in (await visitor.opens_page("/builds/2026-01-06")).words


async def test_what_changes_about_a_build_shows_at_once(newsroom: Newsroom, visitor: Visitor) -> None:
    "It is read once; but promoted, it is served on its page, and its files may be cleaned up."
    _, build = await passes(newsroom, FIRST, "haiku")
    before = await visitor.opens_page("/builds/2026-01-06")
    assert "passed, not served yet" in before.words
    await newsroom.promote(build)
    after = await visitor.opens_page("/builds/2026-01-06")
    assert "passed, served" in after.words
    assert "taxonomy-bot nightly rollback" in after.words


async def test_a_build_that_broke_down_says_where_and_how_it_goes_on(newsroom: Newsroom, visitor: Visitor) -> None:
    "The step, its worker's words, the job, and the command that resumes it; nights beside it are linked."
    await passes(newsroom, FIRST, "haiku")
    await breaks(newsroom, SECOND, "limerick")
    seen = await visitor.opens_page("/builds/2026-01-07")
    assert "Where it ended The step train/skills" in seen.words
    assert "it ran out of memory" in seen.words
    assert "taxonomy-bot nightly resume --night 2026-01-07" in seen.words
    assert "Contributions" in seen.words
    assert 'rel="prev" href="/r/instruct/taxonomy/builds/2026-01-06"' in seen.html


async def test_a_gate_that_failed_shows_what_fell(newsroom: Newsroom, visitor: Visitor) -> None:
    "By how much, and how much was allowed."
    await falls(newsroom, FIRST, "haiku")
    seen = await visitor.opens_page("/builds/2026-01-06")
    assert "DO NOT SHIP: MMLU fell by 0.051 against the build before, 0.020 is allowed" in seen.words
    assert re.search(r"MMLU 400 questions fell too far 0.561 .* −0.051 −0.068 to −0.034 −0.020", seen.words)
    assert "taxonomy-bot nightly run --night 2026-01-06 --anew" in seen.words


async def test_builds_that_are_not_there(newsroom: Newsroom, visitor: Visitor) -> None:
    "Whatever is asked for, the answer is a page that says so."
    await newsroom.world.ana.opens_pr()
    await newsroom.world.settled()
    for name in ("2026-01-05", "2026-13-45", "x", "0", "999999", "2026-01-06.0", "..%2f..", "1" * 40):
        seen = await visitor.opens_page(f"/builds/{name}")
        assert (seen.status, name) == (404, name)
        assert "All builds" not in seen.words


async def test_builds_of_a_private_repository_are_for_its_people(newsroom: Newsroom, visitor: Visitor) -> None:
    "Neither the list nor a build nor the chart says anything to others."
    await passes(newsroom, FIRST, "haiku")
    newsroom.world.repo.private = True
    await newsroom.world.clock.advance(minutes=2)
    for path in ("/builds", "/builds/2026-01-06", "/builds/trend.svg"):
        seen = await visitor.opens_page(path)
        assert seen.status == 401
        assert "MMLU" not in seen.html
    await visitor.signs_in("tess")
    assert (await visitor.opens_page("/builds/2026-01-06")).status == 200


def _a_row(world: World, night: date) -> dict[str, Any]:
    return {
        "repository_id": world.repo.id,
        "night": night.isoformat(),
        "state": BuildState.CANCELLED.value,
        "attempt": 1,
        "commit_sha": "c" * 40,
        "planned_at": world.clock.now(),
        "ended_at": world.clock.now(),
        "leaves_new": 0,
        "leaves_changed": 1,
        "leaves_removed": 0,
        "pulls": 1,
        "left_out": 0,
        "plan": "{}",
    }
