"""The pages on the web: finds out who asks and what they may see, has the page gather its facts, and shows them."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import aiohttp
import structlog
from aiohttp import web

from bot.dashboard.access import Access
from bot.dashboard.api import Api
from bot.dashboard.cookies import SessionCookies, check_form
from bot.dashboard.doors import Doors
from bot.dashboard.headers import safe_headers
from bot.dashboard.house import House
from bot.dashboard.registry import Deed, Page, Sees, all_pages, menu
from bot.dashboard.rendering import rendered, static_files
from bot.dashboard.sign_in import SignIn
from bot.dashboard.visit import (
    NOT_THERE,
    NotThereError,
    RefusedVisitError,
    Shown,
    SignInError,
    StartingError,
    Visit,
)
from bot.github.errors import GitHubError

log = structlog.get_logger()

_STARTING = "The bot is just starting. Load the page again in some seconds."
_FOR_SOME = {
    Sees.READERS: "The pages of this repository are for its triagers, approvers and maintainers.",
    Sees.TRIAGERS: "This page is for triagers, approvers and maintainers.",
    Sees.MAINTAINERS: "This page is for maintainers.",
}
_BROKEN = (
    "Something of ours broke while this page was made. Nothing was lost. If it happens again, tell the people who "
    "run the bot this number, by which they find it in the log: "
)
_GITHUB_IS_AWAY = "GitHub does not answer just now, but this page needs it. Load it again in a minute."

_Answers = Callable[[Visit], Awaitable[Shown | web.StreamResponse]]


class Site:
    """Hangs the pages into an application, and answers for them once the bot runs."""

    def __init__(self) -> None:
        self._house: House | None = None
        self._doors: Doors | None = None

    def open(self, house: House) -> None:
        """Begin to answer."""
        self._house = house
        self._doors = Doors(house)

    def close(self) -> None:
        """Answer no more: what pages are made from is about to go."""
        self._house = None

    async def send_away(self, _app: web.Application) -> None:
        """Let live logs end, so that nobody waits for them when the bot stops."""
        if self._house is not None:
            await self._house.log_hub.close()

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the routes of all pages."""
        for one in all_pages():
            if isinstance(one, Page):
                router.add_get(one.path, self._page(one))
            else:
                router.add_post(one.path, self._deed(one))
        router.add_get("/static/{digest}/{name}", self._static)
        router.add_get("/sign-in", self._answering(self._sign_in))
        router.add_get("/sign-in/done", self._answering(self._signed_in))
        router.add_post("/sign-out", self._answering(self._sign_out))
        router.add_get("/r/{rest:.*}", self._answering(self._nothing))
        Api(self).add_to(router)

    @property
    def is_https(self) -> bool:
        """Whether people reach us by HTTPS."""
        return self._house is not None and self._house.settings.public_url.startswith("https://")

    async def arrive(self, request: web.Request, *, is_of_repository: bool, sees: Sees) -> Visit:
        """Return the visit of somebody who may see that. Raises RefusedVisitError, also while the bot starts."""
        house, doors = self._house, self._doors
        if house is None or doors is None:
            raise StartingError(_STARTING)
        visit = Visit(house, doors, request, None, house.clock.now())
        visit = await self._known(visit)
        if is_of_repository:
            visit = await self._opened(visit)
        self._admit(visit, sees)
        return visit

    def _page(self, page: Page) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def show(visit: Visit) -> Shown | web.StreamResponse:
            self._admit(visit, page.sees)
            shown = await page.show(visit)
            if isinstance(shown, Shown) and not shown.heading:
                return Shown(shown.template, shown.facts, page.heading, shown.status)
            return shown

        return self._answering(show, is_of_repository=page.is_of_repository)

    def _deed(self, deed: Deed) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def do(visit: Visit) -> Shown | web.StreamResponse:
            self._admit(visit, deed.sees)
            if visit.session is None:
                raise SignInError("Sign in first: what you do here is done in your name.")
            await check_form(visit.request, visit.session, visit.house.settings.public_url)
            return await deed.do(visit)

        return self._answering(do, is_of_repository=deed.is_of_repository)

    def _answering(
        self, answers: _Answers, *, is_of_repository: bool = False
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return a handler: whatever goes wrong, the reader gets a page that says what, and never a traceback."""

        async def handle(request: web.Request) -> web.StreamResponse:
            house, doors = self._house, self._doors
            if house is None or doors is None:
                return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text=_STARTING + "\n")
            visit = Visit(house, doors, request, None, house.clock.now())
            try:
                visit = await self._known(visit)
                if is_of_repository:
                    visit = await self._opened(visit)
                shown = await answers(visit)
            except RefusedVisitError as error:
                shown = _told(error.status, str(error))
                if visit.opened is not None and not visit.opened.reads:
                    visit = replace(visit, opened=None)  # the page around it names the repository
            except GitHubError as error:
                log.warning("dashboard.github_away", path=request.path, error=str(error))
                shown = _told(HTTPStatus.SERVICE_UNAVAILABLE, _GITHUB_IS_AWAY)
            except (web.HTTPException, aiohttp.ClientConnectionResetError):
                raise  # the latter: the reader went away
            except Exception:
                trace_id = uuid.uuid4().hex[:12]
                log.exception("dashboard.page_broke", path=request.path, trace_id=trace_id)
                if request.writer.output_size:  # an error page behind what was sent would be read as a part of it
                    raise aiohttp.ClientConnectionResetError("broken off") from None
                shown = _told(HTTPStatus.INTERNAL_SERVER_ERROR, _BROKEN + trace_id)
            if isinstance(shown, web.StreamResponse):
                if not shown.prepared:
                    for name, value in self._headers(house).items():
                        shown.headers.setdefault(name, value)
                return shown
            return self._rendered(visit, shown)

        return handle

    async def _known(self, visit: Visit) -> Visit:
        """Find out who asks."""
        return replace(visit, session=await self._cookies(visit).session_of(visit.request, visit.now))

    @staticmethod
    async def _opened(visit: Visit) -> Visit:
        """Find out what they may see of the repository that the address names."""
        named = visit.request.match_info
        origin = await visit.doors.find(f"{named['owner']}/{named['repo']}")
        opened = await visit.doors.open(origin, visit.session) if origin is not None else None
        if opened is None or (visit.session is None and not opened.reads):
            raise NotThereError(NOT_THERE) if visit.session is not None else SignInError(NOT_THERE)
        _lead_on(visit, opened)
        return replace(visit, opened=opened)

    @staticmethod
    def _cookies(visit: Visit) -> SessionCookies:
        return SessionCookies(visit.house.settings, visit.house.sessions)

    def _admit(self, visit: Visit, sees: Sees) -> None:
        """Raise SignInError or NotThereError for readers whom a page is not for."""
        if sees in (Sees.ANYBODY, Sees.JUDGED):
            return
        access = visit.access
        may = {Sees.READERS: access.reads, Sees.TRIAGERS: access.triages, Sees.MAINTAINERS: access.maintains}[sees]
        if not may:
            raise visit.refusal(_FOR_SOME[sees])

    async def _nothing(self, _visit: Visit) -> Shown:
        raise NotThereError(NOT_THERE)

    async def _sign_in(self, visit: Visit) -> web.StreamResponse:
        return SignIn(visit.house).begin(visit.request, visit.now)

    async def _signed_in(self, visit: Visit) -> web.StreamResponse:
        person, response = await SignIn(visit.house).finish(visit.request, visit.now)
        await self._cookies(visit).begin(visit.request, response, person.login, person.id, visit.now)
        log.info("dashboard.signed_in", user=person.id)
        return response

    async def _sign_out(self, visit: Visit) -> web.StreamResponse:
        response = web.Response(
            status=HTTPStatus.SEE_OTHER, headers={"Location": f"{visit.house.settings.base_path}/"}
        )
        if visit.session is not None:
            await check_form(visit.request, visit.session, visit.house.settings.public_url)
            await self._cookies(visit).end(visit.request, response)
        return response

    @staticmethod
    def _headers(house: House) -> dict[str, str]:
        return dict(safe_headers(is_https=house.settings.public_url.startswith("https://")))

    def _rendered(self, visit: Visit, shown: Shown) -> web.StreamResponse:
        html = rendered(shown.template, self._common_facts(visit, shown) | dict(shown.facts)).encode()
        tag = hashlib.sha256(html).hexdigest()[:32]
        headers = self._headers(visit.house)
        if shown.status is HTTPStatus.OK and visit.request.headers.get("If-None-Match") == f'W/"{tag}"':
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers | {"ETag": f'W/"{tag}"'})
        response = web.Response(
            body=html, status=shown.status, headers=headers, content_type="text/html", charset="utf-8"
        )
        if shown.status is HTTPStatus.OK:
            response.headers["ETag"] = f'W/"{tag}"'
        response.enable_compression()
        return response

    @staticmethod
    def _common_facts(visit: Visit, shown: Shown) -> dict[str, Any]:
        """Return what every page says: where we are, who looks, and the way to the others."""
        access, base = visit.opened, visit.house.settings.base_path
        entries = []
        if access is not None and access.reads:
            root = f"{base}/r/{access.origin.full_name}"
            for one in menu():
                if one.sees is Sees.TRIAGERS and not access.triages:
                    continue
                if one.sees is Sees.MAINTAINERS and not access.maintains:
                    continue
                path = (
                    root + one.path.removeprefix("/r/{owner}/{repo}") if one.is_of_repository else base + one.path
                )
                entries.append(
                    {"path": path, "heading": one.heading, "is_here": _leads_to(path, visit.request.path, root)}
                )
        return {
            "heading": shown.heading,
            "base": base,
            "access": access,
            "repository": access.origin.full_name if access is not None else "",
            "root": f"{base}/r/{access.origin.full_name}" if access is not None else "",
            "web_url": visit.house.settings.github_web_url,
            "menu": entries,
            "session": visit.session,
            "login": visit.login,
            "has_sign_in": visit.house.settings.has_sign_in,
            "here": visit.request.rel_url.raw_path_qs,
            "now": visit.now,
            "static": lambda name: f"{base}/static/{static_files()[name].digest}/{name}",
        }

    async def _static(self, request: web.Request) -> web.StreamResponse:
        """Return one of our own files; its address changes with it, so it is kept for ever."""
        file = static_files().get(request.match_info["name"])
        if file is None or file.digest != request.match_info["digest"]:
            return web.Response(status=HTTPStatus.NOT_FOUND, text="There is no such file.\n")
        response = web.Response(body=file.content, content_type=file.media_type, charset="utf-8")
        response.headers.update(safe_headers(is_https=False))
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        response.enable_compression()
        return response


def _lead_on(visit: Visit, opened: Access) -> None:
    """Raise the way to where a repository is now, for readers who come by a name that it had."""
    named, here = visit.request.match_info, visit.request.rel_url.raw_path_qs
    before, now = f"{named['owner']}/{named['repo']}", opened.origin.full_name
    if opened.reads and before.casefold() != now.casefold():
        there = here.replace(f"/{before}", f"/{now}", 1)
        raise web.HTTPTemporaryRedirect(there) if there != here else NotThereError(NOT_THERE)


def _leads_to(path: str, here: str, root: str) -> bool:
    return here == path or (path != root and here.startswith(path + "/"))


def _told(status: HTTPStatus, text: str) -> Shown:
    headings = {
        HTTPStatus.NOT_FOUND: "Not found",
        HTTPStatus.UNAUTHORIZED: "Please sign in",
        HTTPStatus.BAD_REQUEST: "That did not work",
        HTTPStatus.SERVICE_UNAVAILABLE: "Not just now",
        HTTPStatus.TOO_MANY_REQUESTS: "Not so fast",
    }
    heading = headings.get(status, "Something broke")
    return Shown("told.html", {"text": text, "asks_to_sign_in": status is HTTPStatus.UNAUTHORIZED}, heading, status)
