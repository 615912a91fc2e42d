"""The first run as an operator sees it: four pages, GitHub's own in between, and a bot that can start."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from bot.clock import SystemClock
from bot.setup.keeping import EnvFile
from bot.setup.plan import Plan
from bot.setup.program import walk_through
from bot.simulator import Simulator
from tests.browser.axe import barriers, is_wider_than_its_window
from tests.browser.chromium import PHONE, Noticed, open_page

_PICTURES = os.environ.get("TAXONOMY_BOT_PICTURES", "")  # a folder: what is seen is kept there


@contextlib.asynccontextmanager
async def begun(github: Simulator, kept: EnvFile) -> AsyncIterator[tuple[str, asyncio.Task[bool]]]:
    "The program, and the address that it prints."
    plan = Plan("Otter bot", "instruct", "https://bot.example.org", github.url, github.url)
    said: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    ending = asyncio.create_task(walk_through(plan, kept, 0, SystemClock(), said.set_result))
    try:
        yield await said, ending
    finally:
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)


async def is_fine(page: Page, name: str) -> None:
    "Nobody is kept out, nothing hangs over the edge."
    if name != "install":  # which loads itself anew, perhaps in the middle of the examination
        assert await barriers(page) == []
    assert not await is_wider_than_its_window(page)
    if _PICTURES:
        await page.screenshot(path=Path(_PICTURES) / f"first-run-{name}.png", full_page=True)


async def test_an_operator_walks_through_the_first_run(browser: Browser, tmp_path: Path) -> None:
    "By mouse, over two pages of GitHub's."
    kept = EnvFile(tmp_path / "bot.env")
    async with Simulator(permissions={}, events=()) as github:
        repo = github.create_repository("instruct/taxonomy", install=False)
        github.create_repository("instruct/website", install=False)
        async with begun(github, kept) as (address, ending):
            noticed = Noticed(address.partition("/?")[0])
            page = await open_page(browser, noticed)
            await page.goto(address)
            await is_fine(page, "describe")
            await page.get_by_label("What is it called?").fill("Otter Bot 2")
            await page.get_by_role("button", name="Continue").click()
            await is_fine(page, "create")
            await page.get_by_role("button", name="Create it on").click()
            await page.get_by_role("button", name="Create GitHub App").click()

            await expect(page.get_by_role("link", name="Install it on")).to_be_visible()
            await is_fine(page, "install")
            async with page.context.expect_page() as opening:
                await page.get_by_role("link", name="Install it on").click()
            at_github = await opening.value
            for name in ("instruct/taxonomy", "instruct/website"):
                await at_github.get_by_label(name).check()
            await at_github.get_by_role("button", name="Install").click()

            await expect(page.get_by_role("button", name="Serve these")).to_be_visible()  # it looks by itself
            await is_fine(page, "choose")
            await page.get_by_label("instruct/taxonomy").check()
            await page.get_by_role("button", name="Serve these").click()
            await expect(page.get_by_role("heading", name="Your bot is ready")).to_be_visible()
            await is_fine(page, "done")
            assert await ending
    noticed.check()
    assert f"TAXONOMY_BOT_REPOSITORIES={repo.id}\n" in kept.path.read_text()
    assert github.state.app.slug == "otter-bot-2"


async def test_what_was_said_wrong_is_told_on_a_phone_at_night(browser: Browser, tmp_path: Path) -> None:
    "Above the form, which still holds what was typed."
    async with Simulator() as github, begun(github, EnvFile(tmp_path / "bot.env")) as (address, _):
        page = await open_page(browser, Noticed(address.partition("/?")[0]), size=PHONE, scheme="dark")
        await page.goto(address)
        await page.get_by_label("Where will GitHub reach the bot?").fill("http://localhost:8080")
        await page.get_by_role("button", name="Continue").click()

        await expect(page.get_by_role("alert")).to_contain_text("GitHub cannot reach that address")
        await expect(page.get_by_label("Where will GitHub reach the bot?")).to_have_value("http://localhost:8080")
        await is_fine(page, "refused")
