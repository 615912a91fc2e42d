"""A headless Chromium of this machine, and what goes wrong in a page: its errors, and where it reaches."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE, DESK = (390, 844), (1280, 900)
_WITHIN_MS = 15_000


class NoBrowserError(Exception):
    """There is no Chromium on this machine; tests that need one are skipped and say so."""


@dataclass
class Noticed:
    """What went wrong in a page, as its developer tools tell it."""

    home: str
    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)  # requests to anywhere but the bot and the simulated GitHub

    def watch(self, page: Page) -> None:
        """Note all that happens in a page from now on."""

        def console(message: ConsoleMessage) -> None:
            is_ours = page.url.startswith(self.home) and "status of 401" not in message.text
            if message.type in {"error", "warning"} and is_ours:
                self.errors.append(f"{page.url}: {message.text}")

        def request(asked: Request) -> None:
            if urlsplit(asked.url).hostname not in {urlsplit(self.home).hostname, None}:
                self.strangers.append(asked.url)

        page.on("console", console)
        page.on("pageerror", lambda error: self.errors.append(f"{page.url}: {error}"))
        page.on("request", request)

    def check(self) -> None:
        """Fail when there was anything."""
        assert not self.errors, "the browser complained:\n" + "\n".join(self.errors)
        assert not self.strangers, f"a page asked another host: {self.strangers}"


def executable() -> Path:
    """Return the Chromium of this machine. Raises NoBrowserError."""
    chosen = os.environ.get("TAXONOMY_BOT_BROWSER")
    found = chosen or next(filter(None, map(shutil.which, _NAMES)), None)
    if not found:
        raise NoBrowserError(
            f"there is no {_NAMES[0]} on this machine: install it, or name one in TAXONOMY_BOT_BROWSER"
        )
    return Path(found)


@contextlib.asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Start a browser. Raises NoBrowserError."""
    path = executable()
    async with async_playwright() as player:
        browser = await player.chromium.launch(executable_path=path, args=list(_SWITCHES))
        try:
            yield browser
        finally:
            await browser.close()


async def open_page(
    browser: Browser,
    noticed: Noticed,
    *,
    size: tuple[int, int] = DESK,
    scheme: Literal["light", "dark"] = "light",
    scripts: bool = True,
) -> Page:
    """Return a page in a window of its own: nobody is signed in there."""
    context = await browser.new_context(
        base_url=noticed.home,
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        java_script_enabled=scripts,
        reduced_motion="reduce",
    )
    context.set_default_timeout(_WITHIN_MS)
    page = await context.new_page()
    noticed.watch(page)
    return page
