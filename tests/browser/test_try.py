"""Trying models in a real browser: answers grow side by side, can be stopped, and bar nobody."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Browser, Page, expect

from tests.browser.axe import barriers, is_wider_than_its_window
from tests.browser.chromium import DESK, PHONE, Noticed, open_page
from tests.browser.tour import sign_in
from tests.dashboard.test_try_page import BUILD, publishes, talking, tunes
from tests.world import World

PICTURES = Path(".cache/pictures")
LONG = ["Voles, ", *["mice and frogs, "] * 40, "<b>and</b>\x1b[31m more."]


async def opened(
    world: World, browser: Browser, size: tuple[int, int] = DESK, *, is_dark: bool = False, scripts: bool = True
) -> tuple[Page, Noticed]:
    "Tess has the page before her."
    noticed = Noticed(world.address)
    page = await open_page(browser, noticed, size=size, scheme="dark" if is_dark else "light", scripts=scripts)
    world.github.state.account("tess")
    await sign_in(page, "tess")
    await page.goto(f"/r/{world.repo.full_name}/try")
    return page, noticed


async def test_answers_grow_side_by_side(world: World, browser: Browser, tmp_path: Path) -> None:
    "The first words show while the model still writes; then the next is asked, and every column is done."
    async with talking(world, tmp_path) as (student, _):
        await tunes(world, 1)
        await publishes(world, BUILD)
        student.says["student"] = LONG
        student.goes_on.clear()
        page, noticed = await opened(world, browser)
        assert await barriers(page) == []
        await page.get_by_label("Your question").fill("What do owls eat?")
        await page.keyboard.press("Control+Enter")
        base = page.get_by_role("region", name="Answer: Base model")
        await expect(base).to_have_text("Voles, ")
        await expect(page.get_by_role("button", name="Ask")).to_be_disabled()
        await expect(page.get_by_role("region", name=f"Answer: Build {BUILD}")).to_have_text("Mice, mostly.")
        student.goes_on.set()
        await expect(base).to_contain_text("<b>and</b><U+001B>[31m more.")
        await expect(page.get_by_role("region", name="Answer: With #1")).to_have_text("tuned on it")
        await expect(page.locator(".badge-good")).to_have_count(3)
        await expect(page.get_by_role("button", name="Ask")).to_be_enabled()
        assert await barriers(page) == []
        assert not await is_wider_than_its_window(page)
        await page.screenshot(path=PICTURES / "try.png", full_page=True)
        noticed.check()


async def test_an_answer_can_be_stopped(world: World, browser: Browser, tmp_path: Path) -> None:
    "What was written stays, and the next question can be asked."
    async with talking(world, tmp_path) as (student, _):
        student.goes_on.clear()
        page, noticed = await opened(world, browser, PHONE, is_dark=True)
        await page.get_by_label("Your question").fill("What do owls eat?")
        await page.get_by_role("button", name="Ask").click()
        base = page.get_by_role("region", name="Answer: Base model")
        await expect(base).to_have_text("They ")
        await page.get_by_role("button", name="Stop").click()
        await expect(page.get_by_text("stopped", exact=True)).to_be_visible()
        await expect(page.get_by_role("button", name="Stop")).to_be_hidden()
        await expect(base).to_have_text("They ")
        student.goes_on.set()
        assert await barriers(page) == []
        assert not await is_wider_than_its_window(page)
        await page.screenshot(path=PICTURES / "try-phone.png", full_page=True)
        noticed.check()


async def test_without_scripts_the_answers_are_a_page(world: World, browser: Browser, tmp_path: Path) -> None:
    "The form is sent, and the question is still in it."
    async with talking(world, tmp_path):
        page, _ = await opened(world, browser, scripts=False)
        await page.get_by_label("Your question").fill("What do owls eat?")
        await page.get_by_role("button", name="Ask").click()
        await expect(page.get_by_role("region", name="Answer: Base model")).to_have_text("They eat voles.")
        await expect(page.get_by_label("Your question")).to_have_value("What do owls eat?")


async def test_a_server_that_is_away_is_told_of(world: World, browser: Browser, tmp_path: Path) -> None:
    "In words, where the answer would be."
    async with talking(world, tmp_path) as (student, _):
        await student.leaves()
        page, noticed = await opened(world, browser)
        await page.get_by_label("Your question").fill("What do owls eat?")
        await page.get_by_role("button", name="Ask").click()
        await expect(page.locator(".stage", has_text="The student's server cannot be reached")).to_be_visible()
        assert await barriers(page) == []
        noticed.check()
