"""What pages are made from: the stores and the services of the running bot, in one place."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.artifact_downloads import ArtifactDownloads
from bot.artifact_links import ArtifactLinks
from bot.clock import Clock
from bot.dashboard.build_shelf import BuildShelf
from bot.dashboard.log_hub import LogHub
from bot.dashboard.order_pace import OrderPace
from bot.dashboard.other_bots_shelf import OtherBotsShelf
from bot.dashboard.paces import Paces
from bot.github.client import GitHubApp
from bot.inbox import Inbox
from bot.jobs import JobQueue
from bot.permissions import Permissions
from bot.policies import Policies
from bot.presence import Presence
from bot.settings import BotSettings
from bot.store.artifacts import ArtifactRows
from bot.store.database import reading_engine
from bot.store.sessions import SessionStore
from bot.trying import TryRoom
from pipeline.artifacts import ArtifactStore

_READ_AT_ONCE = 4
Workers = Callable[[], Awaitable[Mapping[str, Presence]]]


async def no_workers() -> Mapping[str, Presence]:
    """Return nobody: where no jobs are done here."""
    return {}


@dataclass(frozen=True)
class House:
    """The running bot as pages see it. Stores are made from `engine` where they are needed: they hold nothing.

    `workers` are those that were heard of lately: where there are several replicas, one of them hears for all.
    """

    settings: BotSettings
    engine: AsyncEngine
    clock: Clock
    github: GitHubApp
    http: aiohttp.ClientSession
    policies: Policies
    permissions: Permissions
    queue: JobQueue
    artifacts: ArtifactStore
    links: ArtifactLinks
    inbox: Inbox
    workers: Workers
    reads: AsyncEngine = field(init=False)  # for what only reads
    sessions: SessionStore = field(init=False)
    reading: asyncio.Semaphore = field(init=False)  # of files in the artifact store, some at a time
    log_hub: LogHub = field(init=False)
    paces: Paces = field(init=False)
    order_pace: OrderPace = field(init=False)
    downloads: ArtifactDownloads = field(init=False)
    builds: BuildShelf = field(init=False)
    try_room: TryRoom = field(init=False)
    other_bots: OtherBotsShelf = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reads", reading_engine(self.engine))
        object.__setattr__(self, "sessions", SessionStore(self.engine))
        object.__setattr__(self, "reading", asyncio.Semaphore(_READ_AT_ONCE))
        object.__setattr__(self, "log_hub", LogHub(self.engine, self.clock))
        object.__setattr__(self, "paces", Paces(self.reads, self.clock))
        object.__setattr__(self, "order_pace", OrderPace())
        rows = ArtifactRows(self.engine)
        object.__setattr__(self, "downloads", ArtifactDownloads(self.links, rows, self.artifacts, self.clock))
        object.__setattr__(self, "builds", BuildShelf(self.settings, self.reads, self.links, self.clock))
        object.__setattr__(self, "try_room", TryRoom(self.clock))
        object.__setattr__(self, "other_bots", OtherBotsShelf(self.github, self.clock))


HOUSE = web.AppKey("house", House)
