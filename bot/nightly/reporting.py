"""The reporting room: everything that reports need in the bot, started and stopped together."""

from __future__ import annotations

import asyncio
from datetime import time
from http import HTTPStatus

import aiohttp
import structlog
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.artifact_links import ArtifactLinks
from bot.clock import Clock
from bot.comments.markers import MarkerSigner
from bot.effects import EffectDesk
from bot.github.client import GitHubApp
from bot.github.errors import GitHubError
from bot.locks import PullLocks
from bot.nightly.chat import Chat
from bot.nightly.reporter import Reporter
from bot.nightly.rolling_issue import IssueIsBeingOpenedError, RollingIssue
from bot.nightly.telling import Teller
from bot.nightly.viewing import ViewRoom
from bot.nightly.watch import Watch
from bot.page_links import PageLinks
from bot.policies import Policies
from bot.settings import BotSettings
from bot.store.announcements import AnnouncementStore
from bot.store.builds import BuildStore
from bot.store.history import History
from bot.store.pull_requests import PullRequestStore
from bot.store.releases import ReleaseStore
from bot.store.repositories import KnownRepository, RepositoryStore
from pipeline.artifacts import ArtifactStore

log = structlog.get_logger()


def make_watch(settings: BotSettings, engine: AsyncEngine, clock: Clock) -> Watch:
    """Return what knows who has looked after builds when."""
    return Watch(
        BuildStore(engine),
        AnnouncementStore(engine),
        History(engine),
        settings.schedule if settings.nightly else None,
        time.fromisoformat(settings.report_at),
        clock,
    )


def make_view_room(settings: BotSettings, engine: AsyncEngine, links: ArtifactLinks, clock: Clock) -> ViewRoom:
    """Return where views of builds are gathered."""
    artifacts = ArtifactStore(settings.artifact_store_url)
    pages = PageLinks(settings.public_url)
    return ViewRoom(engine, artifacts, links, clock, blame_runs=settings.nightly_blame_runs, pages=pages)


class Reporting:
    """Looks every minute. Several processes may: one of them says each thing."""

    def __init__(
        self,
        app: GitHubApp,
        policies: Policies,
        settings: BotSettings,
        engine: AsyncEngine,
        session: aiohttp.ClientSession,
        effects: EffectDesk,
        links: ArtifactLinks,
        locks: PullLocks,
        clock: Clock,
    ) -> None:
        signer, said, builds = MarkerSigner(settings.webhook_secrets), AnnouncementStore(engine), BuildStore(engine)
        room = make_view_room(settings, engine, links, clock)
        memories = PullRequestStore(engine)
        self.watch = make_watch(settings, engine, clock)
        self._reporter = Reporter(
            app,
            policies,
            room,
            builds,
            ReleaseStore(engine),
            said,
            RollingIssue(app, said, signer, clock),
            Teller(app, room, builds, said, memories, effects, signer, locks, clock),
            self.watch,
            Chat(session, settings.nightly_webhook_url),
            settings.schedule,
            time.fromisoformat(settings.report_at),
            clock,
        )
        self._repositories = RepositoryStore(engine, clock)
        self._serves = settings.repositories
        self._clock = clock
        self._looks_every_s = settings.nightly_look_s
        self._task: asyncio.Task[None] | None = None
        self.looks_done = 0

    async def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="nightly reports")

    async def stop(self) -> None:
        """Stop, also in the middle: what is not said yet is said after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Look once; whatever is wrong with one repository is no matter of the others."""
        for known in await self._known():
            repository_id = known.origin.repository_id
            if not known.is_adopted:
                continue  # what operators have built there is told on the pages and at the terminal
            try:
                await self._reporter.look(known)
            except (GitHubError, IssueIsBeingOpenedError) as error:  # tried again at the next look
                log.warning("nightly.not_reported", repository_id=repository_id, error=str(error))
            except Exception:
                log.exception("nightly.reporter_stumbled", repository_id=repository_id)

    async def health(self) -> web.Response:
        """Return 200 while everything is on time, else 503 with what is late."""
        return await health_of(self.watch, [known for known in await self._known() if known.is_adopted])

    async def _known(self) -> list[KnownRepository]:
        known = await self._repositories.all_known()
        return [each for each in known if each.origin.repository_id in self._serves]

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:  # the database stumbled
                log.exception("nightly.reporter_stumbled")
            self.looks_done += 1
            await self._clock.sleep(self._looks_every_s)


async def health_of(watch: Watch, repositories: list[KnownRepository]) -> web.Response:
    """Return what a monitor reads: a line for each thing that is late."""
    lines = [
        f"nightly: late: {each.what}, repository {known.origin.repository_id}: {each.text}"
        for known in repositories
        for each in await watch.late(known)
    ]
    if not lines:
        return web.Response(text="nightly: on time\n")
    return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text="\n".join(lines) + "\n")
