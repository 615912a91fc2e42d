"""The pages of builds in a browser: they bar nobody, fit a phone, ask no other host, and lead to each other."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from playwright.async_api import Browser, expect

from tests.browser.axe import barriers, is_wider_than_its_window
from tests.browser.chromium import DESK, PHONE, Noticed, open_page
from tests.world import World
from tests.world.told_builds import breaks, passes, told_builds


async def test_builds_can_be_read_by_everybody(world: World, browser: Browser, tmp_path: Path) -> None:
    "The chart is drawn, the list leads to a build and on to the night before, on a desk and on a phone at night."
    async with told_builds(world, tmp_path) as newsroom:
        await passes(newsroom, date(2026, 1, 6), "haiku")
        await passes(newsroom, date(2026, 1, 7), "limerick", 0.64)
        await breaks(newsroom, date(2026, 1, 8), "ballad")
        noticed = Noticed(world.address)
        for size, scheme in ((DESK, "light"), (PHONE, "dark")):
            page = await open_page(browser, noticed, size=size, scheme=scheme)  # type: ignore[arg-type]
            await page.goto(f"/r/{world.repo.full_name}/builds")
            drawn = page.get_by_role("img", name="Scores of the last builds")
            await expect(drawn).to_be_visible()
            assert await drawn.evaluate("picture => picture.complete && picture.naturalWidth > 0")
            await page.get_by_text("The same as a table").click()
            await expect(page.get_by_role("rowheader", name="2026-01-07.1")).to_be_visible()
            assert await barriers(page) == []
            assert not await is_wider_than_its_window(page)
            await page.get_by_role("link", name="2026-01-08", exact=True).click()
            await expect(page.get_by_text("it ran out of memory").first).to_be_visible()
            await page.get_by_role("link", name="← 2026-01-07").click()
            await page.get_by_text("Manifest", exact=True).click()
            await expect(page.get_by_text("model.bin")).to_be_visible()
            assert await barriers(page) == []
            assert not await is_wider_than_its_window(page)
        noticed.check()
