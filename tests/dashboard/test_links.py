"""The way from GitHub to the pages: only where people can reach them, and otherwise nothing changes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from bot.page_links import NO_PAGES, PageLinks
from bot.simulator.check_runs import CheckRun
from tests.dashboard.visitor import Visitor
from tests.world import World
from tests.world.told_builds import passes, told_builds


def runs_of(world: World) -> list[CheckRun]:
    return [run for suites in world.repo.suites.values() for suite in suites.values() for run in suite.runs]


async def test_comment_and_check_runs_lead_to_the_page_of_the_pull_request(world: World) -> None:
    "The footer of the living comment, and the details of every check run on it."
    pr = await world.ana.opens_pr()
    await world.settled()
    page = f"{world.address}/r/instruct/taxonomy/pulls/{pr.number}"
    assert f"[More on its page]({page})" in pr.living_comment.body
    runs = runs_of(world)
    assert {run.details_url for run in runs} == {page}
    pr.has_been_read()


async def test_without_a_public_address_nothing_leads_anywhere(world: World) -> None:
    "No link, no details: GitHub shows its own page."
    await world.stop_bot()
    world.has_pages = False
    await world.start_bot()
    pr = await world.ana.opens_pr()
    await world.settled()
    assert "on its page" not in pr.living_comment.body
    runs = runs_of(world)
    assert runs
    assert {run.details_url for run in runs} == {None}
    pr.has_been_read()


async def test_the_report_of_a_build_leads_to_its_page(world: World, tmp_path: Path) -> None:
    "The issue links to the page, and the page is there."
    async with told_builds(world, tmp_path) as newsroom, Visitor(world) as visitor:
        await passes(newsroom, date(2026, 1, 6), "haiku")
        page = f"{world.address}/r/instruct/taxonomy/builds/2026-01-06.1"
        assert f"[The whole report]({page})" in (newsroom.issue.body or "")
        assert (await visitor.opens(page)).status == 200


def test_addresses_are_whole_or_empty() -> None:
    "Of pull requests, jobs and builds alike; a repository whose name nobody knows has no page."
    pages = PageLinks("https://bot.example/taxonomy")
    assert pages.pull("a/b", 7) == "https://bot.example/taxonomy/r/a/b/pulls/7"
    assert pages.job("a/b", 8) == "https://bot.example/taxonomy/r/a/b/jobs/8"
    assert pages.build("a/b", "2026-01-05.1") == "https://bot.example/taxonomy/r/a/b/builds/2026-01-05.1"
    assert pages.build("", "2026-01-05.1") == NO_PAGES.pull("a/b", 7) == NO_PAGES.job("a/b", 7) == ""


async def test_rules_and_commands_stay_beside_the_other_pages(world: World) -> None:
    "With the menu, and each problem with what it weighs here; the pages for everybody have the same anchors."
    policy = "rules:\n  limits: warning\n  topics: 'off'\n"
    await world.github.push_to_default(world.repo, {".github/taxonomy-bot.yml": policy}, author="max")
    pr = await world.ana.opens_pr()
    await world.settled()
    async with Visitor(world) as visitor:
        here, anywhere = await visitor.opens_page("/rules"), await visitor.opens("/rules")
        assert "warning: blocks nothing" in here.words
        assert "This repository has chosen so" in here.words
        assert 'aria-current="page">Rules</a>' in here.html
        assert "blocks nothing" not in anywhere.words
        assert 'id="limits-long-context"' in here.html
        assert 'id="limits-long-context"' in anywhere.html
        commands = await visitor.opens_page("/commands")
        assert "/triage-approve" in commands.words
        assert 'aria-current="page">Commands</a>' in commands.html
    pr.has_been_read()
