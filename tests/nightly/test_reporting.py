"""Reports where people read them: one issue, a comment only when somebody decides, a word to each contributor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import text

from bot.artifact_links import ArtifactLinks
from bot.jobs import JobKind, JobState
from bot.nightly.builds import BuildState
from bot.nightly.reporting import health_of
from bot.simulator.issues import Issue
from pipeline.build_results import Comparison
from pipeline.evaluation_results import Verdict
from tests.nightly.views import BROKEN, MMLU, ROSE
from tests.stories.test_nightly import NEXT_NIGHT, merged
from tests.world import World
from tests.world.nights import nights_of
from tests.world.reports import Newsroom, a_gate, a_newsroom, a_second, rows

LATER_NIGHT = date(2026, 1, 8)


@pytest.fixture
async def newsroom(world: World, tmp_path: Path) -> AsyncIterator[Newsroom]:
    "The taxonomy has been built once, long ago; max is a maintainer, and the maintainers have a team."
    world.repo.permissions |= {"tess": "triage", "max": "maintain"}
    async with nights_of(world) as nights:
        first = await merged(world, "first")
        await world.clock.advance(hours=17)
        await nights.good_build()
        first.has_been_read()
        await world.clock.advance(days=4)
        async with a_newsroom(nights, tmp_path) as newsroom:
            yield newsroom
            await world.settled()
    for pr in world._seen.values():
        pr.has_been_read()


def comments_of(issue: Issue) -> list[str]:
    return [comment.body for comment in issue.comments]


async def test_a_build_that_waits_for_a_decision_asks_for_it_once(newsroom: Newsroom) -> None:
    "The issue's title and text are the report; one comment calls the maintainers; the chat hears of it, too."
    pr = await merged(newsroom.world, "haiku")
    build = await newsroom.begins(NEXT_NIGHT)
    await newsroom.ends(build, BuildState.GOOD, a_gate(*rows([pr.number], ["haiku"])))
    await newsroom.looks()
    await newsroom.looks()
    assert newsroom.issue.title.startswith("SHIP: nightly build 2026-01-07.1")
    assert "taxonomy-bot nightly promote 2026-01-07.1" in (newsroom.issue.body or "")
    assert "| [`#" in (newsroom.issue.body or "")
    [comment] = comments_of(newsroom.issue)
    assert "SHIP: nothing fell" in comment
    assert "for a maintainer to decide" in comment
    [said] = newsroom.chat.texts
    assert said.startswith("SHIP: nightly build 2026-01-07.1 of instruct/taxonomy")


async def test_the_next_night_edits_the_same_issue(newsroom: Newsroom) -> None:
    "Its text is the newest report, and tells the one before it among the earlier builds."
    await merged(newsroom.world, "haiku")
    await newsroom.ends(await newsroom.begins(NEXT_NIGHT), BuildState.GOOD, a_gate())
    await newsroom.looks()
    await newsroom.world.clock.advance(hours=20)
    await merged(newsroom.world, "limerick")
    await newsroom.ends(await newsroom.begins(LATER_NIGHT), BuildState.GOOD, a_gate())
    await newsroom.looks()
    assert "2026-01-08.1" in newsroom.issue.title
    assert "| `2026-01-07.1` | SHIP, candidate |" in (newsroom.issue.body or "")
    assert len(comments_of(newsroom.issue)) == 2


async def test_there_is_one_issue_though_the_database_is_lost_and_two_report(newsroom: Newsroom) -> None:
    "It is found again by its marker, closed or not; a stranger's copy of the marker is not ours."
    await merged(newsroom.world, "haiku")
    build = await newsroom.begins(NEXT_NIGHT)
    await newsroom.ends(build, BuildState.GOOD, a_gate())
    await newsroom.looks()
    marker = (newsroom.issue.body or "").splitlines()[0]
    world = newsroom.world
    await world.github.open_issue(world.repo, author="mallory", title="Mine", body=marker)
    async with newsroom.nights.engine.begin() as connection:
        await connection.execute(text("delete from announcements"))
    async with a_second(newsroom) as other:
        await asyncio.gather(newsroom.looks(), other.looks())
    await newsroom.looks()
    assert len(newsroom.issues) == 1
    assert len(comments_of(newsroom.issue)) == 1


async def test_a_failed_build_calls_maintainers_and_nobody_else(newsroom: Newsroom) -> None:
    "Its contributors hear nothing of it, and their pull requests show no trace."
    pr = await merged(newsroom.world, "haiku")
    pr.has_been_read()
    broken = Comparison("2026-01-06.1", (MMLU,), (BROKEN,))
    gate = a_gate(comparisons=(broken,))
    await newsroom.ends(await newsroom.begins(NEXT_NIGHT), BuildState.FAILED, gate, "It did not pass its gate.")
    history = len(pr.pull.history)
    await newsroom.looks()
    assert newsroom.issue.title.startswith("DO NOT SHIP: nightly build 2026-01-07.1, MMLU fell by 0.051")
    assert "DO NOT SHIP" in comments_of(newsroom.issue)[0]
    assert len(pr.pull.history) == history
    assert f"#{pr.number}" not in (newsroom.issue.body or "").replace(f"[`#{pr.number}`]", "")


async def test_a_step_that_broke_down_is_named_and_resumed(newsroom: Newsroom) -> None:
    "With its worker's words; when it goes on, the issue says so without a further comment."
    await merged(newsroom.world, "haiku")
    build = await newsroom.begins(NEXT_NIGHT)
    await newsroom.step(build, "train/skills", JobKind.TRAIN, None, JobState.INFRA_ERROR)
    await newsroom.ends(build, BuildState.FAILED, None, "train/skills: it ran out of memory")
    await newsroom.looks()
    assert "taxonomy-bot nightly resume --night 2026-01-07" in (newsroom.issue.body or "")
    assert "it ran out of memory" in (newsroom.issue.body or "")


async def test_an_empty_night_posts_nothing(newsroom: Newsroom) -> None:
    "No issue, no word in the chat, and no alarm."
    night = await newsroom.nights.desk.plan_night(await newsroom.nights.known(), NEXT_NIGHT)
    assert night.build is None
    await newsroom.looks()
    assert newsroom.issues == []
    assert newsroom.chat.texts == []


async def test_by_policy_there_is_no_issue_and_the_chat_still_hears(newsroom: Newsroom) -> None:
    "`builds.report_issue: false`."
    policy = "builds:\n  report_issue: false\n"
    await newsroom.world.github.push_to_default(
        newsroom.world.repo, {".github/taxonomy-bot.yml": policy}, author="max"
    )
    await merged(newsroom.world, "haiku")
    await newsroom.ends(await newsroom.begins(NEXT_NIGHT), BuildState.GOOD, a_gate())
    await newsroom.looks()
    assert newsroom.issues == []
    assert len(newsroom.chat.texts) == 1


async def test_contributors_hear_once_when_it_is_promoted(newsroom: Newsroom) -> None:
    "Not before; then the issue says that it is served, and the labels of what was waited for are gone."
    world = newsroom.world
    pr = await merged(world, "haiku")
    pr.has_been_read()
    await world.github.label(pr.pull, "community-build-ready", by="max")
    await pr.settled()
    pr.has_been_read()
    gate = a_gate(*rows([pr.number], ["haiku"]))
    build = await newsroom.ends(await newsroom.begins(NEXT_NIGHT), BuildState.GOOD, gate)
    await newsroom.looks()
    assert not [c for c in pr.pull.comments if "first published" in c.body]

    await newsroom.promote(build)
    await newsroom.looks()
    await newsroom.looks()

    said = await pr.next_comment()
    assert "your contribution **0.42 → 0.71** (+0.29, 95 % +0.11 to +0.44)" in said
    assert "learned from your contribution" in said
    assert "community-build-ready" not in pr.labels
    assert "It is served." in (newsroom.issue.body or "")
    assert len(comments_of(newsroom.issue)) == 1


async def test_a_bot_that_dies_after_the_comment_says_it_no_second_time(newsroom: Newsroom) -> None:
    "The answer to the comment is lost, so nobody wrote down that it is there; its marker tells."
    pr = await merged(newsroom.world, "haiku")
    pr.has_been_read()
    gate = a_gate(*rows([pr.number], ["haiku"]))
    build = await newsroom.ends(await newsroom.begins(NEXT_NIGHT), BuildState.GOOD, gate)
    await newsroom.looks()
    await newsroom.promote(build)
    await newsroom.world.stop_bot()
    newsroom.world.github.drop_next_response("POST", rf"/issues/{pr.number}/comments")
    await newsroom.looks()
    await newsroom.world.clock.advance(minutes=11)
    await newsroom.looks()
    assert len([c for c in pr.pull.comments if "published one" in c.body]) == 1
    await newsroom.world.start_bot()
    await pr.next_comment()


async def test_what_an_unpublished_build_learned_is_told_with_the_next(newsroom: Newsroom) -> None:
    "The first of two good builds was never promoted: its contributors hear of it when the second one is."
    world = newsroom.world
    early = await merged(world, "haiku")
    first = a_gate(*rows([early.number], ["haiku"]))
    await newsroom.ends(await newsroom.begins(NEXT_NIGHT), BuildState.GOOD, first)
    await world.clock.advance(hours=20)
    late = await merged(world, "limerick", "ben")
    for pr in (early, late):
        pr.has_been_read()
    fell = replace(ROSE, base=0.6, tuned=0.4, delta=-0.2, low=-0.3, high=-0.1, verdict=Verdict.REGRESSED)
    second = a_gate(replace(rows([late.number], ["limerick"])[0], benchmark=fell))
    build = await newsroom.ends(await newsroom.begins(LATER_NIGHT), BuildState.GOOD, second)
    await newsroom.promote(build)
    await newsroom.looks()
    assert "In build `2026-01-07.1`" in (told := await early.next_comment())
    assert "not published itself" in told
    assert "So it got worse at this" in await late.next_comment()


async def test_at_the_hour_of_reports_an_unfinished_build_says_where_it_is(newsroom: Newsroom) -> None:
    "Without a comment; the report takes its place when the build ends."
    world = newsroom.world
    await merged(world, "haiku")
    await world.clock.advance(seconds=(datetime(2026, 1, 12, 2, tzinfo=UTC) - world.clock.now()).total_seconds())
    build = await newsroom.begins(date(2026, 1, 12))
    await newsroom.step(build, "mix", JobKind.MIX, None, JobState.QUEUED)
    await newsroom.looks()
    assert newsroom.issues == []
    await world.clock.advance(hours=6)
    await newsroom.looks()
    assert newsroom.issue.title.startswith("UNFINISHED: nightly build 2026-01-12.1, stage 1 of 8 (mix)")
    assert comments_of(newsroom.issue) == []


async def test_a_report_that_does_not_come_raises_an_alarm(newsroom: Newsroom) -> None:
    "The night was never decided: in the log, in the chat, in the issue once, and for whoever asks for our health."
    world = newsroom.world
    await world.stop_bot()
    await world.start_bot(nightly=False)
    world._settings |= {"nightly": True}
    async with a_second(newsroom) as watching:
        await world.clock.advance(days=1, hours=1)
        await watching.looks()
        await watching.looks()
        [comment] = comments_of(newsroom.issue)
        assert "A nightly build is late" in comment
        assert "Nobody plans builds" in "\n".join(newsroom.chat.texts)
        answer = await watching.reporting.health()
        assert (answer.status, "nightly: late: plan" in (answer.text or "")) == (503, True)
    world._settings |= {"nightly": False}


async def test_health_is_asked_over_http(newsroom: Newsroom) -> None:
    "A monitor reads it beside the bot's own health, without a word about anybody."
    address = newsroom.world.webhook_url.replace("/webhooks", "/healthz/nightly")
    async with aiohttp.ClientSession() as session, session.get(address) as answer:
        assert (answer.status, await answer.text()) == (200, "nightly: on time\n")
    assert (await health_of(newsroom.reporting.watch, [])).status == 200


async def test_a_chat_that_is_away_is_tried_again_for_some_minutes(newsroom: Newsroom) -> None:
    "The issue does not wait for it; a chat that refuses for good is not bothered again; no log names its address."
    await newsroom.world.stop_bot()
    await merged(newsroom.world, "haiku")
    await newsroom.ends(await newsroom.begins(NEXT_NIGHT), BuildState.GOOD, a_gate())
    newsroom.chat.status = 503
    await newsroom.looks()
    assert len(newsroom.issues) == 1
    newsroom.chat.status = 200
    await newsroom.looks()
    await newsroom.looks()
    assert len(newsroom.chat.texts) == 1
    await newsroom.world.start_bot()


async def test_the_bot_reports_by_itself(newsroom: Newsroom) -> None:
    "Nobody asks it to: a minute after a build has ended it is there."
    world = newsroom.world
    await merged(world, "haiku")
    await newsroom.ends(await newsroom.begins(NEXT_NIGHT), BuildState.GOOD, a_gate())
    await world.reporting.start()
    async with asyncio.timeout(20):
        while not newsroom.issues:
            await world.clock.advance(minutes=1)
            await asyncio.sleep(0.02)
    await world.reporting.stop()
    assert "2026-01-07.1" in newsroom.issue.title


async def test_the_chart_opens_by_its_signed_link_only(newsroom: Newsroom) -> None:
    "It is an image that runs nothing; a link that was made up opens nothing, and neither does one to what is gone."
    world = newsroom.world
    base = world.webhook_url.removesuffix("/webhooks")
    await merged(world, "haiku")
    build = await newsroom.ends(await newsroom.begins(NEXT_NIGHT), BuildState.GOOD, a_gate())
    links = ArtifactLinks(world.settings.webhook_secrets, base, 3600)
    async with aiohttp.ClientSession() as session:
        async with session.get(links.trend_link(build.id, 1)) as answer:
            assert (answer.status, answer.content_type) == (200, "image/svg+xml")
            assert "sandbox" in answer.headers["Content-Security-Policy"]
            assert "MMLU" in await answer.text()
        forged = links.trend_link(build.id, 1).replace(f"/{build.id}.1/", f"/{build.id}.2/")
        for address, status in (
            (forged, 403),
            (links.trend_link(build.id, 2), 404),
            (f"{base}/charts/builds/x/y", 404),
        ):
            async with session.get(address) as answer:
                assert answer.status == status


async def test_an_issue_that_was_deleted_is_opened_again(newsroom: Newsroom) -> None:
    "With the report that comes next."
    await merged(newsroom.world, "haiku")
    await newsroom.ends(await newsroom.begins(NEXT_NIGHT), BuildState.GOOD, a_gate())
    await newsroom.looks()
    gone = newsroom.issue
    gone.body = "moved away"
    newsroom.world.github.fail_next("PATCH", rf"/issues/{gone.number}$", status=410, body="{}")
    await newsroom.world.clock.advance(hours=20)
    await merged(newsroom.world, "limerick")
    await newsroom.ends(await newsroom.begins(LATER_NIGHT), BuildState.GOOD, a_gate())
    await newsroom.looks()
    [issue] = [each for each in newsroom.issues if each is not gone]
    assert "2026-01-08.1" in issue.title
    assert len(comments_of(issue)) == 1
