"""The walk: one visitor, four steps, and a program that is over when they are."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlencode, urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.github.needs import EVENTS, NAMES, WHY, needed_permissions
from bot.setup.door import COOKIE, Door, DoorError
from bot.setup.github_side import Covered, GitHubSide, NewApp, SetupError
from bot.setup.keeping import Keeping, KeepingError, settings_of
from bot.setup.pages import page, static
from bot.setup.plan import Plan, PlanError, checked_plan, manifest

_LOOKS_AGAIN_S = 4
_MOST_SENT_BYTES = 64 * 1024


class Walk:
    """What the visitor has said and GitHub has made so far."""

    def __init__(self, plan: Plan, door: Door, github: GitHubSide, keeping: Keeping, kept_where: str) -> None:
        """`kept_where` says in a few words where the secrets go."""
        self.plan = plan
        self.app: NewApp | None = None
        self.over = asyncio.Event()
        self.address = ""  # of ourselves, once we listen
        self._door = door
        self._github = github
        self._keeping = keeping
        self._kept_where = kept_where
        self._chosen: frozenset[int] = frozenset()
        self._one_app = asyncio.Lock()

    def make_app(self) -> web.Application:
        """Return the pages as an application."""
        app = web.Application(client_max_size=_MOST_SENT_BYTES, middlewares=[self._guarded])
        app.router.add_get("/", self._enter, allow_head=False)
        app.router.add_get("/describe", self._describe, allow_head=False)
        app.router.add_post("/describe", self._described)
        app.router.add_get("/create", self._create, allow_head=False)
        app.router.add_get("/created", self._created, allow_head=False)
        app.router.add_get("/install", self._install, allow_head=False)
        app.router.add_post("/install", self._installed)
        app.router.add_get("/done", self._done, allow_head=False)
        for path in ("/style.css", "/setup.css", "/icon.svg"):
            app.router.add_get(path, self._static, allow_head=False)
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in the visitor alone: no other name for this address, no form of another page, no other browser."""
        host, own = request.headers.get("Host", ""), urlsplit(self.address).netloc
        try:
            if host != own:
                raise DoorError("This program answers to its own address only.")
            if request.method == "POST" and request.headers.get("Origin") != self.address:
                raise DoorError("That form was not ours.")
            if request.path not in {"/", "/style.css", "/setup.css", "/icon.svg"}:
                self._door.check(request.cookies.get(COOKIE, ""))
            response: web.StreamResponse = await handler(request)
        except DoorError as error:
            return self._page("refused.html", "Not from here", problem=str(error), back="", status=403)
        except SetupError as error:
            return self._page(
                "refused.html", "GitHub did not go along", problem=str(error), back="/describe", status=502
            )
        except KeepingError as error:
            return self._page(
                "refused.html", "The keys could not be kept", problem=str(error), back=self._next, status=500
            )
        return response

    def _page(self, template: str, heading: str, *, status: int = 200, **facts: object) -> web.Response:
        shared = {
            "heading": heading,
            "closes": f"{self._door.closes_at:%H:%M}",
            "kept_where": self._kept_where,
            "plan": self.plan,
            "github_host": urlsplit(self.plan.web_url).netloc,
        }
        return page(template, {**shared, **facts}, self.plan.web_url, status)

    @property
    def _next(self) -> str:
        """Where the visitor goes on."""
        return "/describe" if self.app is None else "/install"

    async def _static(self, request: web.Request) -> web.Response:
        return static(request.path)

    async def _enter(self, request: web.Request) -> web.Response:
        session = self._door.enter(request.query.get("token", ""))
        response = web.Response(status=303, headers={"Location": "/describe"})
        response.set_cookie(COOKIE, session, httponly=True, samesite="Lax", path="/")
        return response

    async def _describe(self, _request: web.Request) -> web.Response:
        if self.app is not None:
            raise web.HTTPSeeOther("/install")
        return self._page("describe.html", "Let us make your bot an App", step=1)

    async def _described(self, request: web.Request) -> web.Response:
        sent = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        said = Plan(
            sent.get("name", ""),
            sent.get("organisation", ""),
            sent.get("public_url", ""),
            self.plan.web_url,
            self.plan.api_url,
        )
        try:
            self.plan = checked_plan(said)
        except PlanError as error:
            return self._page(
                "describe.html", "Let us make your bot an App", step=1, plan=said, problem=str(error), status=422
            )
        raise web.HTTPSeeOther("/create")

    async def _create(self, _request: web.Request) -> web.Response:
        if self.app is not None:
            raise web.HTTPSeeOther("/install")
        self._keeping.check()
        asked = manifest(self.plan, f"{self.address}/created")
        return self._page(
            "create.html",
            "Have GitHub create it",
            step=2,
            manifest=json.dumps(asked),
            form_address=f"{self.plan.form_address}?{urlencode({'state': self._door.new_state()})}",
            permissions=[(NAMES[name], level, WHY[name]) for name, level in needed_permissions().items()],
            events=", ".join(event.replace("_", " ") for event in sorted(EVENTS)),
        )

    async def _created(self, request: web.Request) -> web.Response:
        """GitHub sends the browser back: fetch the App's keys, and keep them before anything else."""
        async with self._one_app:  # a page that is loaded twice must not lose to itself
            if self.app is None:
                code = request.query.get("code", "")
                self._door.check_code(request.query.get("state", ""), code)
                app = await self._github.new_app(code)
                self.app = app  # first: what cannot be kept now is kept with the next step
                self._keeping.keep(settings_of(app, self.plan, ()))
        raise web.HTTPSeeOther("/install")

    async def _install(self, _request: web.Request) -> web.Response:
        if self.app is None:
            raise web.HTTPSeeOther("/describe")
        try:
            repositories, problem = await self._github.covered(self.app), ""
        except SetupError as error:
            repositories, problem = [], str(error)
        return self._choice(self.app, repositories, problem)

    async def _installed(self, request: web.Request) -> web.Response:
        if self.app is None:
            raise web.HTTPSeeOther("/describe")
        given = {value for value in (await request.post()).getall("repository", []) if isinstance(value, str)}
        repositories = await self._github.covered(self.app)
        chosen = frozenset(each.id for each in repositories if str(each.id) in given)
        if not chosen:
            return self._choice(self.app, repositories, "Choose one repository at least.", status=422)
        self._keeping.keep(settings_of(self.app, self.plan, chosen))
        self._chosen = chosen
        raise web.HTTPSeeOther("/done")

    def _choice(self, app: NewApp, repositories: list[Covered], problem: str, *, status: int = 200) -> web.Response:
        return self._page(
            "install.html",
            "Choose where it works",
            step=3,
            app=app,
            repositories=repositories,
            problem=problem,
            looks_again_s=0 if repositories else _LOOKS_AGAIN_S,
            install_address=f"{self.plan.web_url}/apps/{app.slug}/installations/new",
            status=status,
        )

    async def _done(self, _request: web.Request) -> web.Response:
        if not self._chosen:
            raise web.HTTPSeeOther("/install")
        self.over.set()
        return self._page("done.html", "Your bot is ready", step=4, next_steps=self._keeping.next_steps())
