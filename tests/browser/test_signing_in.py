"""Signing in as people do it: with the mouse, over the page of GitHub and back."""

from __future__ import annotations

from playwright.async_api import Browser, expect

from tests.browser.axe import barriers, is_wider_than_its_window
from tests.browser.chromium import PHONE, Noticed, open_page
from tests.world import World


async def test_somebody_signs_in_on_github_and_is_back_where_they_were(
    world: World, browser: Browser, noticed: Noticed
) -> None:
    "They choose their account, are greeted by name on the page they came from, and leave again."
    await world.ana.opens_pr()
    await world.settled()
    page = await open_page(browser, noticed)
    await page.goto("/commands")

    await page.get_by_role("link", name="Sign in").click()
    await page.get_by_role("link", name="ana", exact=True).click()

    await expect(page.get_by_text("ana", exact=True)).to_be_visible()
    assert page.url.endswith("/commands")
    cookies = await page.context.cookies()
    session = next(c for c in cookies if c["name"].endswith("session"))
    assert session["httpOnly"]
    assert session["sameSite"] == "Lax"
    assert await page.evaluate("document.cookie") == ""
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    noticed.check()


async def test_pages_for_everybody_bar_nobody(world: World, browser: Browser, noticed: Noticed) -> None:
    "Rules and commands, on a phone at night and on a desk by day."
    for size, scheme in ((PHONE, "dark"), ((1280, 900), "light")):
        page = await open_page(browser, noticed, size=size, scheme=scheme)
        for path in ("/rules", "/commands", "/r/no/such/page"):
            await page.goto(path)
            await expect(page.get_by_role("heading", level=1)).to_be_visible()
            assert await barriers(page) == []
            assert not await is_wider_than_its_window(page)
