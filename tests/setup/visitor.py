"""A browser as plain as possible, which walks through the first run beside a simulated GitHub."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import unescape
from typing import Any

import aiohttp
from yarl import URL

from bot.clock import Clock
from bot.setup.keeping import Keeping
from bot.setup.plan import Plan
from bot.setup.program import walk_through

_INPUT = re.compile(r'<input[^>]*name="([\w]+)"[^>]*>')


@dataclass(frozen=True)
class Page:
    status: int
    url: URL
    text: str
    headers: Any

    @property
    def words(self) -> str:
        "What people read."
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.text)).split())

    def field(self, name: str) -> str:
        "The value of a field."
        tag = next(m[0] for m in _INPUT.finditer(self.text) if m[1] == name)
        found = re.search(r'value="([^"]*)"', tag)
        return unescape(found[1]) if found else ""

    @property
    def form_address(self) -> str:
        "Where the form of the page goes."
        found = re.search(r'<form[^>]*action="([^"]+)"', self.text)
        assert found is not None
        return unescape(found[1])


class Browser:
    "One browser."

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self.address = address  # with the token

    @property
    def home(self) -> URL:
        return URL(self.address).origin()

    async def opens(self, where: str | URL, **headers: str) -> Page:
        async with self._session.get(self.home.join(URL(str(where))), headers=headers) as answer:
            return Page(answer.status, answer.url, await answer.text(), answer.headers)

    async def sends(self, where: str | URL, sent: Any, **headers: str) -> Page:
        target = self.home.join(URL(str(where), encoded=True))
        given = {"Origin": str(self.home)} | headers
        async with self._session.post(target, data=sent, headers=given) as answer:
            return Page(answer.status, answer.url, await answer.text(), answer.headers)

    async def comes_in(self) -> Page:
        return await self.opens(self.address)

    async def describes(self, **said: str) -> Page:
        first = await self.opens("/describe")
        fields = {name: first.field(name) for name in ("name", "organisation", "public_url")}
        return await self.sends("/describe", fields | said)

    async def has_it_created(self, page: Page) -> Page:
        "Press the button here, and the one at GitHub; come back."
        asked = await self.sends(page.form_address, {"manifest": page.field("manifest")})
        assert "Create GitHub App" in asked.words
        target = asked.url.join(URL(asked.form_address, encoded=True))
        sent = {"manifest": asked.field("manifest"), "name": asked.field("name")}
        return await self.sends(target, sent)

    async def installs(self, github: str, slug: str, *repositories: int) -> None:
        "At GitHub."
        sent = [("repository", str(number)) for number in repositories]
        page = await self.sends(f"{github}/apps/{slug}/installations/new", aiohttp.FormData(sent))
        assert page.status == 200


class Visitor(Browser):
    "A browser, and how the program behind it ends."

    def __init__(self, session: aiohttp.ClientSession, address: str, ending: asyncio.Task[bool]) -> None:
        super().__init__(session, address)
        self.ending = ending


@contextlib.asynccontextmanager
async def first_run(plan: Plan, keeping: Keeping, clock: Clock) -> AsyncIterator[Visitor]:
    "The program as the command line starts it, and a browser that was given its address."
    said: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    ending = asyncio.create_task(walk_through(plan, keeping, 0, clock, said.set_result))
    done, _ = await asyncio.wait({said, ending}, return_when=asyncio.FIRST_COMPLETED)
    if ending in done:
        await ending
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        try:
            yield Visitor(session, said.result(), ending)
        finally:
            ending.cancel()
            await asyncio.gather(ending, return_exceptions=True)
