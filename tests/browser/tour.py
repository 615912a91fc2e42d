"""A tour of all pages with what the demo leaves: `python -m tests.browser.tour` plays it and follows every link.

Each page is looked at as everybody sees it and as a maintainer does, on a desk and on a phone, light and dark. It
fails when the story does, the browser complains, a page asks another host, bars people, or is too wide, and when no
link leads to a page. Files, logs and pictures are fetched and must be what they say. The demo has no night,
so the pages of builds are looked at in a bot of their own, whose nights are told to it.
Pictures of each kind of page are kept under `.cache/tour`.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urldefrag, urljoin, urlsplit

from playwright.async_api import Browser, Page
from pydantic import SecretStr

from bot.dashboard.registry import Page as BotPage
from bot.dashboard.registry import all_pages
from bot.rule_workers import RuleWorkers
from bot.simulator.signing_in import CLIENT_ID, CLIENT_SECRET
from bot.store.database import migrate, open_engine
from tests.browser.axe import barriers, is_wider_than_its_window
from tests.browser.chromium import DESK, PHONE, NoBrowserError, Noticed, open_browser, open_page
from tests.npm_files import NpmUnavailableError
from tests.world import World
from tests.world.told_builds import breaks, passes, told_builds

PICTURES = Path(".cache/tour")
MOST_PAGES, MOST_OF_A_KIND = 120, 4
_READY_WITHIN_S = 900
_LEFT_RUNNING, _NOT_AS_TOLD = "Left running", "did not go as told"
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
_LINKS = """[...document.querySelectorAll('a[href]')].map((a) => a.href)
    .concat([...document.images].map((picture) => picture.src))"""
_WORD = re.compile(r"\{[^{}]*\}")


@dataclass
class Tour:
    """What was seen on the way."""

    home: str
    complaints: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    async def goes(self, page: Page, name: str, begins: str = "/", within: str = "") -> None:
        """Follow every link from a page on, as far as pages of a kind were not seen often enough.

        Only kinds that begin with `within` are looked at.
        """
        kinds: Counter[str] = Counter()
        ahead, known = [begins], {begins}
        while ahead and sum(kinds.values()) < MOST_PAGES:
            path = ahead.pop(0)
            kind = kind_of(path)
            if kind is None or kinds[kind] >= MOST_OF_A_KIND or not kind.startswith(within):
                continue
            kinds[kind] += 1
            if wanted := _file_type(path):
                await self._fetches(page, path, wanted)
                continue
            links = await self._looks(page, path, f"{name}-{kind}" if kinds[kind] == 1 else "")
            if kind == "pulls-number":  # only a decision leads there
                links.append(f"{urlsplit(path).path}/decisions")
            for link in links:
                if link not in known:
                    known.add(link)
                    ahead.append(link)
        self.kinds |= kinds

    async def _looks(self, page: Page, path: str, picture: str) -> list[str]:
        """Look at one page. Return where its links lead, inside the bot."""
        answer = await page.goto(path, wait_until="load")
        if answer is not None and answer.status == 401:
            return []  # it asks to sign in, as it should
        if answer is None or answer.status != 200:
            self.complaints.append(f"{path}: status {answer.status if answer else 'none'}")
            return []
        self.complaints += await barriers(page)
        if await is_wider_than_its_window(page):
            self.complaints.append(f"{path}: wider than its window")
        if picture:
            await page.screenshot(path=PICTURES / f"{picture}.png", full_page=True)
        found = await page.evaluate(_LINKS)
        return [path_of(link) for link in found if urlsplit(link).netloc == urlsplit(self.home).netloc]

    async def _fetches(self, page: Page, path: str, wanted: str) -> None:
        """Fetch what is no page, and see whether it is what it says."""
        answer = await page.context.request.get(urljoin(self.home, path))
        told = answer.headers.get("content-type", ""), answer.headers.get("content-disposition", "")
        if answer.status != 401 and (answer.status != 200 or not any(each.startswith(wanted) for each in told)):
            self.complaints.append(f"{path}: status {answer.status}, {' '.join(told)}, not {wanted}")


def _file_type(path: str) -> str:
    """Return what a path that leads to no page has to hand out; empty for a page."""
    bare = urlsplit(path).path
    if bare.endswith(".svg"):
        return "image/svg+xml"
    return "attachment" if "/files/" in bare else "text/plain" if bare.endswith("/log") else ""


def path_of(link: str) -> str:
    """Return the path of a link, with its query."""
    parts = urlsplit(urldefrag(link)[0])
    return parts.path + (f"?{parts.query}" if parts.query else "")


def kind_of(path: str) -> str | None:
    """Return which page a path leads to; None for what is no page, such as a file or a stream."""
    for one in all_pages():
        if not isinstance(one, BotPage) or re.search("stream|download|/badge|/api/", one.path):
            continue
        pattern = "".join(
            "[^/]+" if _WORD.fullmatch(part) else re.escape(part) for part in re.split(r"(\{[^{}]*\})", one.path)
        )
        if re.fullmatch(pattern, urlsplit(path).path):
            return re.sub(r"[^a-z]+", "-", one.path.removeprefix("/r/{owner}/{repo}").lower()).strip("-") or (
                "overview" if one.is_of_repository else "front"
            )
    return None


@asynccontextmanager
async def demo() -> AsyncIterator[str]:
    """Play the demo and leave it running; yield the bot's address. Raises RuntimeError when it goes wrong."""
    program = Path(sys.executable).with_name("taxonomy-bot")
    process = await asyncio.create_subprocess_exec(program, "demo", "--keep", stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(_READY_WITHIN_S):
            yield await _address(process)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    is_ready = False
    async for line in process.stdout:
        text = line.decode(errors="replace")
        sys.stdout.write(text)
        sys.stdout.flush()
        if _NOT_AS_TOLD in text:
            raise RuntimeError("the story did not go as told")
        is_ready = is_ready or _LEFT_RUNNING in text
        if is_ready and (found := _ADDRESS.search(text)):
            return found[0]
    raise RuntimeError("the demo ended before it could be looked at")


async def sign_in(page: Page, login: str) -> None:
    """Sign in over the page of the simulated GitHub."""
    await page.goto("/rules")
    await page.get_by_role("link", name="Sign in").click()
    await page.get_by_role("link", name=login, exact=True).click()
    await page.get_by_role("button", name="Sign out").wait_for()


async def tour(browser: Browser, home: str) -> Tour:
    """Look at all pages, as everybody and as a maintainer, both large and small."""
    seen, noticed = Tour(home), Noticed(home)
    desk = await open_page(browser, noticed, size=DESK, scheme="light")
    await seen.goes(desk, "everybody")
    phone = await open_page(browser, noticed, size=PHONE, scheme="dark")
    await sign_in(phone, "mia")
    await seen.goes(phone, "phone")
    desk = await open_page(browser, noticed, size=DESK, scheme="light")
    await sign_in(desk, "mia")
    await seen.goes(desk, "maintainer")
    seen.complaints += [*noticed.errors, *(f"asked another host: {url}" for url in noticed.strangers)]
    return seen


async def make_database(url: str) -> None:
    """Build an empty database."""
    engine = open_engine(url)
    await migrate(engine)
    await engine.dispose()


@asynccontextmanager
async def told_nights() -> AsyncIterator[World]:
    """Run a bot whose nightly builds passed and broke down."""
    rules = RuleWorkers(workers=1, rule_time_limit_s=5.0)
    with TemporaryDirectory(prefix="tour-") as place:
        folder = Path(place)
        url = f"sqlite+aiosqlite:///{folder / 'bot.sqlite'}"
        await make_database(url)
        world = World(url, rules, oauth_client_id=CLIENT_ID, oauth_client_secret=SecretStr(CLIENT_SECRET))
        world.has_pages = True
        try:
            async with world, told_builds(world, folder) as newsroom:
                await passes(newsroom, date(2026, 1, 6), "haiku")
                await passes(newsroom, date(2026, 1, 7), "limerick", 0.64)
                await breaks(newsroom, date(2026, 1, 8), "ballad")
                yield world
        finally:
            rules.close()


async def tour_of_builds(browser: Browser, world: World) -> Tour:
    """Look at the pages of builds, as everybody and as a maintainer, both large and small."""
    seen, noticed = Tour(world.address), Noticed(world.address)
    begins = f"/r/{world.repo.full_name}/builds"
    desk = await open_page(browser, noticed, size=DESK, scheme="light")
    await seen.goes(desk, "everybody", begins, "builds")
    phone = await open_page(browser, noticed, size=PHONE, scheme="dark")
    await sign_in(phone, "max")
    await seen.goes(phone, "phone", begins, "builds")
    seen.complaints += [*noticed.errors, *(f"asked another host: {url}" for url in noticed.strangers)]
    return seen


def missed(seen: Iterable[str]) -> set[str]:
    """Return the kinds of pages that no link led to."""
    all_kinds = {kind_of(_WORD.sub("1", one.path)) for one in all_pages() if isinstance(one, BotPage)}
    return {kind for kind in all_kinds if kind} - set(seen)


async def main() -> int:
    """Play the demo and tour it. Returns the exit status."""
    try:
        async with open_browser() as browser:
            async with told_nights() as world:
                builds = await tour_of_builds(browser, world)
            async with demo() as home:
                seen = await tour(browser, urljoin(home, "/"))
    except (NoBrowserError, NpmUnavailableError) as error:
        sys.stdout.write(f"No tour: {error}\n")
        return 2
    except RuntimeError as error:
        sys.stdout.write(f"No tour: {error}\n")
        return 1
    seen.kinds |= builds.kinds
    seen.complaints += builds.complaints
    left_out = missed(seen.kinds)
    sys.stdout.write(f"\n{sum(seen.kinds.values())} pages of {len(seen.kinds)} kinds; pictures in {PICTURES}\n")
    for complaint in [*seen.complaints, *(f"no link leads to the page {kind}" for kind in sorted(left_out))]:
        sys.stdout.write(f"  {complaint}\n")
    return 1 if seen.complaints or left_out else 0


if __name__ == "__main__":
    PICTURES.mkdir(parents=True, exist_ok=True)
    sys.exit(asyncio.run(main()))
