"""What pages are made from: the stores and the services of the running bot, in one place."""

from __future__ import annotations

from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.artifact_links import ArtifactLinks
from bot.clock import Clock
from bot.dashboard.build_shelf import BuildShelf
from bot.github.client import GitHubApp
from bot.jobs import JobQueue
from bot.permissions import Permissions
from bot.policies import Policies
from bot.settings import BotSettings
from bot.store.sessions import SessionStore
from pipeline.artifacts import ArtifactStore


@dataclass(frozen=True)
class House:
    """The running bot as pages see it. Stores are made from `engine` where they are needed: they hold nothing."""

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
    sessions: SessionStore = field(init=False)
    builds: BuildShelf = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sessions", SessionStore(self.engine))
        object.__setattr__(self, "builds", BuildShelf(self.settings, self.engine, self.links, self.clock))


HOUSE = web.AppKey("house", House)
