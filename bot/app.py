"""The whole bot as a web application: what it answers to, and how it comes up and goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
from aiohttp import web

from bot.artifact_downloads import ROUTE, ArtifactDownloads
from bot.chart_downloads import ROUTE as CHART_ROUTE
from bot.chart_downloads import ChartDownloads
from bot.clock import Clock, SystemClock
from bot.dashboard.site import Site
from bot.desk import OnTriaged
from bot.job_log_downloads import ROUTE as LOG_ROUTE
from bot.job_log_downloads import JobLogDownloads
from bot.jobs import JobQueue
from bot.nightly.reporting import make_view_room
from bot.nightly.trend_downloads import ROUTE as TREND_ROUTE
from bot.nightly.trend_downloads import TrendDownloads
from bot.parts import Ground, Parts, lay_ground, make_parts
from bot.roll_call import ROUTE as ROLL_CALL_ROUTE
from bot.rule_workers import RuleWorkers
from bot.settings import BotSettings
from bot.store.artifacts import ArtifactRows
from bot.store.database import migrate
from bot.store.jobs import JobStore
from bot.store.only_process import OnlyProcess


@dataclass
class Health:
    """Whether the bot can take deliveries."""

    handles: bool
    ready: bool = False


HEALTH = web.AppKey("health", Health)
PARTS = web.AppKey("parts", Parts)  # once the bot has come up


def make_app(
    settings: BotSettings,
    *,
    clock: Clock | None = None,
    workers: RuleWorkers | None = None,
    on_triaged: OnTriaged | None = None,
    handles: bool = True,
    jobs: JobQueue | None = None,
) -> web.Application:
    """Return the bot as an aiohttp application.

    `workers` may be shared between several applications; without them the application has its own and stops
    them at its end. `on_triaged` is told of every finished triage. With `handles=False` deliveries are only
    stored, for another process or a later start to handle. `jobs` stands in for the queue that the settings name.
    """
    own_workers = workers is None
    workers = workers or RuleWorkers(settings.rule_workers, settings.rule_time_limit_s)
    ground = lay_ground(settings, clock or SystemClock(), workers, handles=handles)
    app, site = web.Application(client_max_size=settings.max_delivery_bytes), Site()
    health = app[HEALTH] = Health(handles)
    only = OnlyProcess(settings.database_url, settings.database_wait_s)

    async def claim(_app: web.Application) -> AsyncIterator[None]:
        if handles:
            await only.claim()
        yield
        only.release()

    async def run(app: web.Application) -> AsyncIterator[None]:
        await migrate(ground.engine)
        timeout = aiohttp.ClientTimeout(total=settings.request_timeout_s)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            parts = app[PARTS] = make_parts(ground, session, jobs, on_triaged)
            await workers.warm_up()
            await parts.inbox.start()
            site.open(parts.house)
            await parts.begin()
            health.ready = True
            yield
            health.ready = False
            site.close()
            await parts.end()
        if own_workers:
            workers.close()
        await ground.engine.dispose()

    app.cleanup_ctx.extend((claim, run))
    _add_routes(app.router, ground)
    site.add_to(app.router)
    app.on_shutdown.append(site.send_away)
    return app


def _add_routes(router: web.UrlDispatcher, ground: Ground) -> None:
    """Add all that is not a page, and what signed links lead to."""
    router.add_post("/webhooks", _webhooks)
    router.add_get("/healthz", _healthz)
    router.add_get("/readyz", _readyz)
    router.add_get("/healthz/nightly", _nightly_health)
    router.add_get(ROLL_CALL_ROUTE, _roll_call, allow_head=False)
    settings, engine, links, clock = ground.settings, ground.engine, ground.links, ground.clock
    files = ArtifactDownloads(links, ArtifactRows(engine), ground.artifacts, clock)
    logs = JobLogDownloads(links, JobStore(engine), clock, settings.keeps_logs_for)
    charts = ChartDownloads(links, JobStore(engine), ground.artifacts)
    trends = TrendDownloads(links, engine, make_view_room(settings, engine, links, clock))
    router.add_get(ROUTE, files.handle, allow_head=False)
    router.add_get(LOG_ROUTE, logs.handle, allow_head=False)
    router.add_get(CHART_ROUTE, charts.handle, allow_head=False)
    router.add_get(TREND_ROUTE, trends.handle, allow_head=False)


async def _webhooks(request: web.Request) -> web.Response:
    return await request.app[PARTS].webhooks.handle(request)


async def _healthz(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _nightly_health(request: web.Request) -> web.Response:
    return await request.app[PARTS].reporting.health()


async def _roll_call(request: web.Request) -> web.Response:
    if PARTS not in request.app:
        raise web.HTTPNotFound
    return await request.app[PARTS].roll_call.handle(request)


async def _readyz(request: web.Request) -> web.Response:
    app = request.app
    ready = app[HEALTH].ready and (app[PARTS].dispatcher.is_working or not app[HEALTH].handles)
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return web.Response(status=status, text="ready\n" if ready else "starting or stopping\n")
