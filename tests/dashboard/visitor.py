"""Somebody at a browser without scripts: follows links and redirects, keeps cookies, and sends forms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from tests.dashboard.stream import StalledStream, Stream
from tests.world import World

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_TAGS = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Seen:
    "A page as it came."

    status: int
    html: str
    headers: dict[str, str]
    url: str

    @property
    def words(self) -> str:
        "What can be read of it, in one line."
        return " ".join(unescape(_TAGS.sub(" ", self.html)).split())

    @property
    def csrf_token(self) -> str:
        "What its forms carry; empty for a page without any."
        found = _TOKEN.search(self.html)
        return unescape(found[1]) if found else ""


class Visitor:
    "Use it as an async context manager."

    def __init__(self, world: World) -> None:
        self._world = world
        self.http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self.base = world.address
        self.last_answer = ""  # the way back from GitHub, with its code

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.close()

    async def opens(self, path: str, **headers: str) -> Seen:
        "Open a page of the bot, wherever it leads."
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.get(urljoin(self.base, path), headers=named) as answer:
            return Seen(answer.status, await answer.text(), dict(answer.headers), str(answer.url))

    async def opens_page(self, rest: str = "") -> Seen:
        "Open a page of the repository."
        return await self.opens(f"/r/{self._world.repo.full_name}{rest}")

    async def sends(self, path: str, token: str, *, follows: bool = True, **fields: str) -> Seen:
        "Send a form with the token of a page."
        sent = {"csrf_token": token, **fields}
        async with self.http.post(urljoin(self.base, path), data=sent, allow_redirects=follows) as answer:
            return Seen(answer.status, await answer.text(), dict(answer.headers), str(answer.url))

    def cookies(self) -> dict[str, str]:
        "What the browser keeps for the bot."
        return {cookie.key: cookie.value for cookie in self.http.cookie_jar}

    def takes(self, cookies: dict[str, str]) -> None:
        "Have the browser hold cookies from elsewhere."
        self.http.cookie_jar.update_cookies(cookies, URL(self.base))

    def watches(self, path: str, last_id: str = "") -> Stream:
        "Watch a log."
        return Stream(self.http, urljoin(self.base, path), last_id)

    async def stalls(self, path: str) -> StalledStream:
        "Watch a log without reading what comes."
        cookies = self.http.cookie_jar.filter_cookies(URL(self.base))
        said = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())
        return await StalledStream.opened(urljoin(self.base, path), said)

    async def signs_in(self, login: str, back: str = "/") -> Seen:
        "Sign in as somebody whom the simulated GitHub knows, and see where that leads."
        await self.begins_to_sign_in(login, back)
        return await self.opens(self.last_answer)

    async def begins_to_sign_in(self, login: str, back: str = "/") -> None:
        "Say on GitHub who one is, but do not come back yet."
        self._world.github.state.account(login)
        async with self.http.get(urljoin(self.base, f"/sign-in?back={back}"), allow_redirects=False) as answer:
            there = answer.headers["Location"]
        mark = "&" if urlsplit(there).query else "?"
        async with self.http.get(f"{there}{mark}as={login}", allow_redirects=False) as answer:
            self.last_answer = answer.headers["Location"]
