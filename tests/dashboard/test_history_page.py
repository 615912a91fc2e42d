"""The history of a pull request: what happened, in words, by commit, newest first."""

from __future__ import annotations

import pytest

from bot.jobs import JobKind
from bot.store.desk_log import AuditEntry, DeskLog
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.dashboard.finished_jobs import finishes
from tests.dashboard.visitor import Visitor
from tests.world import World
from tests.world.review import gives_powers


@pytest.fixture(autouse=True)
def people(world: World) -> None:
    "Tess and tom are triagers, apo and eve approvers."
    gives_powers(world)


async def test_the_whole_story_is_told_in_order(world: World, visitor: Visitor) -> None:
    "Judged, signed off, pushed to, and looked at again: each stands with who did it, below its commit."
    pr = await world.ana.opens_pr()
    await pr.settled()
    first = pr.pull.head_sha
    await world.clock.advance(minutes=10)
    await world.tess.comments(pr, "/triage-approve")
    await pr.settled()
    await world.clock.advance(minutes=10)
    await finishes(world, pr, JobKind.GENERATE)
    await world.clock.advance(minutes=10)
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await pr.settled()

    seen = await visitor.opens_page(f"/pulls/{pr.number}/history")

    assert seen.status == 200
    words = seen.words
    assert "tess signed off triage, as of " + first[:8] in words
    assert "“triage needed” became “triage approved”, by /triage-approve." in words
    assert "tess asked for a job: generate" in words
    assert "The sign-off of triage of tess no longer counts." in words
    assert words.index(pr.pull.head_sha[:8]) < words.index("first seen", words.index(first[:8]))
    assert words.index("no longer counts") < words.index("tess signed off triage")
    assert "A triager has to look at it again. Next: a triager." in words


async def test_a_long_history_is_turned_over_without_gaps(world: World, visitor: Visitor) -> None:
    "Sixty at a time: every page goes on where the one before it ended."
    pr = await world.ana.opens_pr()
    await pr.settled()
    async with world.database() as engine:
        log = DeskLog(engine)
        for number in range(150):
            await world.clock.advance(minutes=1)
            act = f"/hold{number}"
            entry = AuditEntry(
                world.repo.id,
                pr.number,
                world.clock.now(),
                1,
                "tess",
                "triager",
                act,
                "",
                "0" * 40,
                "done",
                f"c:{number}",
            )
            await log.add(entry)
    path, found = f"/pulls/{pr.number}/history", list[str]()
    for _ in range(10):
        seen = await visitor.opens_page(path)
        found += [word for word in seen.words.split() if word.startswith("/hold")]
        if "Older</a>" not in seen.html:
            break
        path = (
            "/pulls/"
            + seen.html.split("Older</a>")[0].rpartition('href="')[2].rpartition('"')[0].partition("/pulls/")[2]
        )
    assert found == [f"/hold{number}" for number in reversed(range(150))]


async def test_what_people_wrote_stays_text(world: World, visitor: Visitor) -> None:
    "Words of commands are shown as they are, without any effect."
    pr = await world.ana.opens_pr()
    await pr.settled()
    await world.tess.comments(pr, "/hold <script>alert(1)</script> \u202e{{ 7*7 }} @everyone")
    await pr.settled()
    seen = await visitor.opens_page(f"/pulls/{pr.number}/history")
    assert "<script>alert" not in seen.html
    assert "\u202e" not in seen.html
    assert "{{ 7*7 }}" in seen.words


@pytest.mark.parametrize("before", ["yesterday", "2026-13-45", "2026-01-01", "0001-01-01T00:00:00+14:00", "\x00"])
async def test_nonsense_in_the_address_shows_the_newest(world: World, visitor: Visitor, before: str) -> None:
    pr = await world.ana.opens_pr()
    await pr.settled()
    path = f"/r/instruct/taxonomy/pulls/{pr.number}/history"
    async with visitor._http.get(visitor.base + path, params={"before": before}) as answer:
        assert answer.status == 200


async def test_without_github_the_page_says_what_it_knows(world: World, visitor: Visitor) -> None:
    "What is missing for a merge is told from what is written down."
    pr = await world.ana.opens_pr()
    await pr.settled()
    seen = await visitor.opens_page(f"/pulls/{pr.number}/history")
    assert "Triage has not signed it off yet. Next: a triager." in seen.words
    assert "It needs the approval of an approver" in seen.words
