"""The whole bot, wired on one screen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

import aiohttp
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.artifact_downloads import ROUTE, ArtifactDownloads
from bot.artifact_links import ArtifactLinks
from bot.chart_downloads import ROUTE as CHART_ROUTE
from bot.chart_downloads import ChartDownloads
from bot.clock import Clock, SystemClock
from bot.dashboard.house import House, no_workers
from bot.dashboard.site import Site
from bot.debugging import DebugPort
from bot.desk import OnTriaged
from bot.dispatcher import Dispatcher
from bot.inbox import Inbox, SignatureCheck, WebhookEndpoint
from bot.job_log_downloads import ROUTE as LOG_ROUTE
from bot.job_log_downloads import JobLogDownloads
from bot.job_shop import JobShop
from bot.jobs import JobQueue, NoJobs
from bot.leadership import Leadership, Service
from bot.locks import PullLocks
from bot.metrics.port import MetricsPort
from bot.metrics.reading import Sources
from bot.neighbourhood import Neighbourhood
from bot.nightly.reporting import Reporting, make_view_room
from bot.nightly.scheduler import NightlyScheduler
from bot.nightly.trend_downloads import ROUTE as TREND_ROUTE
from bot.nightly.trend_downloads import TrendDownloads
from bot.permissions import Permissions
from bot.policies import Policies
from bot.polling.lookout import Lookout
from bot.relay import Relay
from bot.replica import Replica
from bot.roll_call import ROUTE as ROLL_CALL_ROUTE
from bot.roll_call import RollCall
from bot.rule_workers import RuleWorkers
from bot.settings import BotSettings
from bot.store.artifacts import ArtifactRows
from bot.store.database import migrate, open_engine
from bot.store.deliveries import DeliveryStore
from bot.store.jobs import JobStore
from bot.store.only_process import OnlyProcess
from bot.store.replicas import ReplicaStore
from bot.sweeper import Sweeper
from bot.wiring import (
    make_desk,
    make_documents,
    make_foreman,
    make_lookout,
    make_neighbourhood,
    make_release_keeper,
    make_reporting,
    make_scheduler,
    make_silence,
    open_github,
)
from pipeline.artifacts import ArtifactStore


@dataclass
class Health:
    """Whether the bot can take deliveries."""

    handles: bool
    ready: bool = False


NEIGHBOURHOOD: web.AppKey[Neighbourhood | None] = web.AppKey("neighbourhood")
DISPATCHER = web.AppKey("dispatcher", Dispatcher)
SWEEPER = web.AppKey("sweeper", Sweeper)
LOOKOUT = web.AppKey("lookout", Lookout)
RELAY = web.AppKey("relay", Relay)
NIGHTLY = web.AppKey("nightly", NightlyScheduler)
LEADERSHIP = web.AppKey("leadership", Leadership)
REPORTING = web.AppKey("reporting", Reporting)
HEALTH = web.AppKey("health", Health)
WEBHOOKS = web.AppKey("webhooks", WebhookEndpoint)
ROLL_CALL = web.AppKey("roll call", RollCall)


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
    clock = clock or SystemClock()
    own_workers = workers is None
    workers = workers or RuleWorkers(settings.rule_workers, settings.rule_time_limit_s)
    engine = open_engine(settings.database_url, settings.database_connections)
    deliveries = DeliveryStore(engine)
    health = Health(handles)
    artifact_store = ArtifactStore(settings.artifact_store_url)
    links = ArtifactLinks(settings.webhook_secrets, settings.public_url, settings.artifact_link_s)
    app = web.Application(client_max_size=settings.max_delivery_bytes)
    site = Site()

    only = OnlyProcess(settings.database_url, settings.database_wait_s)
    replica = Replica(ReplicaStore(engine), settings.replica_silence_s)

    async def claim(_app: web.Application) -> AsyncIterator[None]:
        if handles:
            await only.claim()
        yield
        only.release()

    async def run(app: web.Application) -> AsyncIterator[None]:
        await migrate(engine)
        timeout = aiohttp.ClientTimeout(total=settings.request_timeout_s)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            gate = make_silence(engine, clock)
            github = open_github(session, settings, clock, replica.check if handles else None, replica, gate=gate)
            policies = Policies(settings, clock)
            has_shop = settings.broker and jobs is None
            shop = JobShop(github, policies, settings, engine, clock, links) if has_shop else None
            queue = jobs or (shop.queue if shop is not None else NoJobs())
            locks = PullLocks(replica)
            documents = make_documents(settings, engine, artifact_store, clock)
            neighbourhood = make_neighbourhood(github, settings, engine, workers, clock)
            desk, sweeper = make_desk(
                github,
                settings,
                policies,
                engine,
                workers,
                clock,
                queue,
                on_triaged,
                locks,
                documents,
                neighbourhood,
            )
            foreman = (
                make_foreman(github, settings, policies, engine, clock, shop.queue, shop.outlooks, locks)
                if shop is not None
                else None
            )
            keeper = make_release_keeper(github, settings, policies, engine, clock)
            reporting = make_reporting(github, settings, policies, engine, session, clock, queue, links, locks)
            dispatcher = Dispatcher(
                deliveries,
                desk,
                clock,
                app_id=settings.app_id,
                at_once=settings.concurrent_triages,
                replica=replica,
            )
            inbox = Inbox(deliveries, dispatcher.wake)
            signatures = SignatureCheck(settings.webhook_secrets)
            endpoint = app[WEBHOOKS] = WebhookEndpoint(
                inbox, signatures, settings.repositories, clock, settings.app_id
            )
            app[DISPATCHER] = dispatcher
            app[SWEEPER] = sweeper
            app[NEIGHBOURHOOD] = neighbourhood
            app[REPORTING] = reporting
            lookout = app[LOOKOUT] = make_lookout(github, settings, engine, inbox, clock)
            relay = app[RELAY] = Relay(
                session,
                endpoint,
                clock,
                settings.relay_url.get_secret_value(),
                most_bytes=settings.max_delivery_bytes,
            )
            nightly = app[NIGHTLY] = make_scheduler(github, settings, engine, clock)
            services = [Service(sweeper.start, sweeper.stop), Service(reporting.start, reporting.stop)]
            services.append(Service(keeper.start, keeper.stop))
            services += [Service(lookout.start, lookout.stop), Service(relay.start, relay.stop)]
            if settings.nightly:
                services.append(Service(nightly.start, nightly.stop))
            if shop is not None and foreman is not None:
                take = partial(shop.start, desk.take_job, foreman.job_changed)
                services += [Service(take, shop.stop), Service(foreman.start, foreman.stop)]
            leadership = app[LEADERSHIP] = Leadership(replica, services)
            heard = shop.workers if shop is not None else no_workers
            app[ROLL_CALL] = RollCall(settings.webhook_secrets, heard, clock)
            replica.at_each_beat(leadership.look)
            replica.when_lost(dispatcher.drop)
            replica.when_lost(leadership.fall)
            await workers.warm_up()
            await inbox.start()
            people = Permissions(clock)
            site.open(
                House(
                    settings,
                    engine,
                    clock,
                    github,
                    session,
                    policies,
                    people,
                    queue,
                    artifact_store,
                    links,
                    inbox,
                    heard,
                )
            )
            sources = Sources(
                engine,
                clock,
                github,
                leadership,
                replica,
                shop.workers if shop is not None else no_workers,
                artifact_store,
                settings.repositories,
            )
            ports = (MetricsPort(sources, settings.metrics_host, settings.metrics_port), DebugPort(settings))
            for port in ports:
                await port.start()
            if handles:
                await replica.join()
                await dispatcher.start()
                await leadership.look()
            health.ready = True
            yield
            health.ready = False
            site.close()
            for port in ports:
                await port.stop()
            await inbox.stop()
            if handles:
                await leadership.resign()
                await dispatcher.stop(settings.drain_s)
            if documents is not None:
                await documents.stop()
            if neighbourhood is not None:
                await neighbourhood.stop()
            if handles:
                await replica.leave()
        if own_workers:
            workers.close()
        await engine.dispose()

    app[HEALTH] = health
    app.cleanup_ctx.extend((claim, run))
    app.router.add_post("/webhooks", _webhooks)
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/readyz", _readyz)
    app.router.add_get("/healthz/nightly", _nightly_health)
    app.router.add_get(ROLL_CALL_ROUTE, _roll_call, allow_head=False)
    _add_downloads(app.router, settings, engine, artifact_store, links, clock)
    site.add_to(app.router)
    app.on_shutdown.append(site.send_away)
    return app


def _add_downloads(
    router: web.UrlDispatcher,
    settings: BotSettings,
    engine: AsyncEngine,
    artifacts: ArtifactStore,
    links: ArtifactLinks,
    clock: Clock,
) -> None:
    """Add what signed links lead to."""
    files = ArtifactDownloads(links, ArtifactRows(engine), artifacts, clock)
    logs = JobLogDownloads(links, JobStore(engine), clock, settings.keeps_logs_for)
    charts = ChartDownloads(links, JobStore(engine), artifacts)
    trends = TrendDownloads(links, engine, make_view_room(settings, engine, links, clock))
    router.add_get(ROUTE, files.handle, allow_head=False)
    router.add_get(LOG_ROUTE, logs.handle, allow_head=False)
    router.add_get(CHART_ROUTE, charts.handle, allow_head=False)
    router.add_get(TREND_ROUTE, trends.handle, allow_head=False)


async def _webhooks(request: web.Request) -> web.Response:
    return await request.app[WEBHOOKS].handle(request)


async def _healthz(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _nightly_health(request: web.Request) -> web.Response:
    return await request.app[REPORTING].health()


async def _roll_call(request: web.Request) -> web.Response:
    if ROLL_CALL not in request.app:
        raise web.HTTPNotFound
    return await request.app[ROLL_CALL].handle(request)


async def _readyz(request: web.Request) -> web.Response:
    app = request.app
    ready = app[HEALTH].ready and (app[DISPATCHER].is_working or not app[HEALTH].handles)
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return web.Response(status=status, text="ready\n" if ready else "starting or stopping\n")
