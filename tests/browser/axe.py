"""What keeps people with disabilities from using a page, as far as a program can tell: axe-core, by Deque."""

from __future__ import annotations

from functools import cache

from playwright.async_api import Page

from tests.npm_files import fetched

AXE = "axe-core@4.14.1"
_SERIOUS = frozenset({"serious", "critical"})


@cache
def _script() -> str:
    return fetched(AXE, "package/axe.min.js").decode()


async def barriers(page: Page) -> list[str]:
    """Return what bars people, each in a line. Raises NpmUnavailableError where axe-core cannot be had."""
    await page.evaluate(_script())
    found = await page.evaluate("async () => (await axe.run(document)).violations")
    return [
        f"{page.url}: {one['help']} ({one['id']}): {node['html'][:160]}"
        for one in found
        if one["impact"] in _SERIOUS
        for node in one["nodes"]
    ]


async def is_wider_than_its_window(page: Page) -> bool:
    """Return whether people would have to move the page sideways."""
    return bool(await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
