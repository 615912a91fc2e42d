"""The parts of the running bot: made on common ground, begun in one order and ended in the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import aiohttp
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.artifact_links import ArtifactLinks
from bot.clock import Clock
from bot.dashboard.house import House, no_workers
from bot.debugging import DebugPort
from bot.desk import OnTriaged
from bot.dispatcher import Dispatcher
from bot.inbox import Inbox, SignatureCheck, WebhookEndpoint
from bot.job_shop import JobShop
from bot.jobs import JobQueue, NoJobs
from bot.leadership import Leadership, Service
from bot.linked_documents import LinkedDocuments
from bot.locks import PullLocks
from bot.metrics.port import MetricsPort
from bot.metrics.reading import Sources
from bot.neighbourhood import Neighbourhood
from bot.nightly.reporting import Reporting
from bot.nightly.scheduler import NightlyScheduler
from bot.permissions import Permissions
from bot.policies import Policies
from bot.polling.lookout import Lookout
from bot.relay import Relay
from bot.replica import Replica
from bot.roll_call import RollCall
from bot.rule_workers import RuleWorkers
from bot.settings import BotSettings
from bot.store.database import open_engine
from bot.store.deliveries import DeliveryStore
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


@dataclass(frozen=True, slots=True)
class Ground:
    """What all parts stand on. With `handles`, deliveries are handled here, too, and not only stored."""

    settings: BotSettings
    clock: Clock
    workers: RuleWorkers
    engine: AsyncEngine
    artifacts: ArtifactStore
    links: ArtifactLinks
    replica: Replica
    handles: bool


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs while the bot does."""

    ground: Ground
    house: House
    inbox: Inbox
    webhooks: WebhookEndpoint
    dispatcher: Dispatcher
    sweeper: Sweeper
    lookout: Lookout
    relay: Relay
    nightly: NightlyScheduler
    reporting: Reporting
    leadership: Leadership
    roll_call: RollCall
    documents: LinkedDocuments | None
    neighbourhood: Neighbourhood | None
    ports: tuple[MetricsPort | DebugPort, ...]

    async def begin(self) -> None:
        """Begin to take deliveries, and to handle them."""
        for port in self.ports:
            await port.start()
        if self.ground.handles:
            await self.ground.replica.join()
            await self.dispatcher.start()
            await self.leadership.look()

    async def end(self) -> None:
        """Store what has arrived, finish what is under way, and let others take over."""
        for port in self.ports:
            await port.stop()
        await self.inbox.stop()
        if self.ground.handles:
            await self.leadership.resign()
            await self.dispatcher.stop(self.ground.settings.drain_s)
        if self.documents is not None:
            await self.documents.stop()
        if self.neighbourhood is not None:
            await self.neighbourhood.stop()
        if self.ground.handles:
            await self.ground.replica.leave()


def lay_ground(settings: BotSettings, clock: Clock, workers: RuleWorkers, *, handles: bool) -> Ground:
    """Return what all parts stand on; nothing is connected yet."""
    engine = open_engine(settings.database_url, settings.database_connections)
    return Ground(
        settings,
        clock,
        workers,
        engine,
        ArtifactStore(settings.artifact_store_url),
        ArtifactLinks(settings.webhook_secrets, settings.public_url, settings.artifact_link_s),
        Replica(ReplicaStore(engine), settings.replica_silence_s),
        handles,
    )


def make_parts(
    ground: Ground, session: aiohttp.ClientSession, jobs: JobQueue | None, on_triaged: OnTriaged | None
) -> Parts:
    """Return all parts, none of them begun. `jobs` stands in for the queue that the settings name."""
    settings, engine, clock, replica = ground.settings, ground.engine, ground.clock, ground.replica
    may_write = replica.check if ground.handles else None
    github = open_github(session, settings, clock, may_write, replica, gate=make_silence(engine, clock))
    policies, locks = Policies(settings, clock), PullLocks(replica)
    has_shop = settings.broker and jobs is None
    shop = JobShop(github, policies, settings, engine, clock, ground.links) if has_shop else None
    queue = jobs or (shop.queue if shop is not None else NoJobs())
    heard = shop.workers if shop is not None else no_workers
    documents = make_documents(settings, engine, ground.artifacts, clock)
    neighbourhood = make_neighbourhood(github, settings, engine, ground.workers, clock)
    desk, sweeper = make_desk(
        *(github, settings, policies, engine, ground.workers, clock, queue, on_triaged, locks),
        *(documents, neighbourhood),
    )
    foreman = (
        make_foreman(github, settings, policies, engine, clock, shop.queue, shop.outlooks, locks) if shop else None
    )
    keeper = make_release_keeper(github, settings, policies, engine, clock)
    reporting = make_reporting(github, settings, policies, engine, session, clock, queue, ground.links, locks)
    at_once, app_id = settings.concurrent_triages, settings.app_id
    dispatcher = Dispatcher(DeliveryStore(engine), desk, clock, app_id=app_id, at_once=at_once, replica=replica)
    inbox = Inbox(DeliveryStore(engine), dispatcher.wake)
    signatures = SignatureCheck(settings.webhook_secrets)
    webhooks = WebhookEndpoint(inbox, signatures, settings.repositories, clock, app_id)
    lookout = make_lookout(github, settings, engine, inbox, clock)
    channel, most_bytes = settings.relay_url.get_secret_value(), settings.max_delivery_bytes
    relay = Relay(session, webhooks, clock, channel, most_bytes=most_bytes)
    nightly = make_scheduler(github, settings, engine, clock)
    services = [Service(each.start, each.stop) for each in (sweeper, reporting, keeper, lookout, relay)]
    if settings.nightly:
        services.append(Service(nightly.start, nightly.stop))
    if shop is not None and foreman is not None:
        take = partial(shop.start, desk.take_job, foreman.job_changed)
        services += [Service(take, shop.stop), Service(foreman.start, foreman.stop)]
    leadership = Leadership(replica, services)
    replica.at_each_beat(leadership.look)
    replica.when_lost(dispatcher.drop)
    replica.when_lost(leadership.fall)
    house = House(
        *(settings, engine, clock, github, session, policies, Permissions(clock), queue),
        *(ground.artifacts, ground.links, inbox, heard),
    )
    sources = Sources(engine, clock, github, leadership, replica, heard, ground.artifacts, settings.repositories)
    return Parts(
        ground,
        house,
        inbox,
        webhooks,
        dispatcher,
        sweeper,
        lookout,
        relay,
        nightly,
        reporting,
        leadership,
        RollCall(settings.webhook_secrets, heard, clock),
        documents,
        neighbourhood,
        (MetricsPort(sources, settings.metrics_host, settings.metrics_port), DebugPort(settings)),
    )
