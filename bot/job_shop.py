"""The job shop: everything that jobs need in the bot, started and stopped together."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.artifact_links import ArtifactLinks
from bot.broker import address_of, own_broker
from bot.clock import Clock
from bot.comments.markers import MarkerSigner
from bot.events import Origin
from bot.github.client import GitHubApp
from bot.job_board import JobBoard, Moved
from bot.job_documents import JobDocuments
from bot.job_engine import JobEngine, OnChange
from bot.job_flow import Patience
from bot.job_inputs import JobInputs, Material
from bot.job_leases import Leases, Terms
from bot.job_mail import JobMail
from bot.job_results import result_of
from bot.job_sender import JobSender
from bot.job_views import JobViews
from bot.jobs import JobKind
from bot.metrics import jobs
from bot.nightly.orders import Orders
from bot.nightly.outlook import OutlookRoom
from bot.nightly.step_inputs import StepInputs
from bot.page_links import PageLinks
from bot.policies import Policies
from bot.presence import PRESENT_FOR, Presence
from bot.settings import BotSettings
from bot.store.artifacts import ArtifactRows
from bot.store.builds import BuildStore
from bot.store.jobs import JobStore
from bot.store.leaf_data import LeafDataStore
from bot.store.pull_requests import PullRequestStore
from bot.store.releases import ReleaseStore
from bot.store.repositories import RepositoryStore
from bot.store.stored_jobs import StoredJob
from bot.store.switches import GPU_PAUSED, Switches
from bot.swaps import SwapForecast, heard_lately
from pipeline.artifacts import ArtifactStore
from pipeline.results import GenerateResult


class JobShop:
    """The engine and its rooms. `queue` is what the desk talks to."""

    def __init__(
        self,
        app: GitHubApp,
        policies: Policies,
        settings: BotSettings,
        database: AsyncEngine,
        clock: Clock,
        links: ArtifactLinks,
    ) -> None:
        self._broker = own_broker(settings.broker)
        self._move: Moved | None = None
        self._stepped: OnChange | None = None
        store, repositories, builds = JobStore(database), RepositoryStore(database, clock), BuildStore(database)
        rows, artifacts = ArtifactRows(database), ArtifactStore(settings.artifact_store_url)
        self._artifacts = artifacts
        self._store, self._clock = store, clock
        terms = Terms(
            {kind: settings.time_limit_of(kind) for kind in JobKind},
            Patience(
                timedelta(seconds=settings.worker_silence_s),
                settings.job_retries,
                timedelta(seconds=settings.job_retry_pause_s),
            ),
            heartbeat_s=min(15.0, settings.worker_silence_s / 4),
            resend_after=timedelta(seconds=settings.job_resend_s),
        )
        self._mail = JobMail(
            address_of(settings.broker, self._broker),
            settings.broker_redelivery_s,
            deaf_after_s=settings.worker_silence_s / 2,
        )
        budget, switches = settings.budget, Switches(database)

        async def is_paused() -> bool:
            return await switches.is_on(GPU_PAUSED)

        def present(queue: str) -> Collection[str]:
            return self.leases.present_on(queue)

        def workers() -> list[Presence]:
            return heard_lately(self.leases.workers, clock.now(), PRESENT_FOR)

        swap = SwapForecast(store, workers).of
        views = JobViews(store, clock, budget, present, links, is_paused, swap)
        signer = MarkerSigner(settings.webhook_secrets)
        self._board = JobBoard(
            app,
            store,
            views,
            repositories,
            rows,
            artifacts,
            clock,
            signer,
            self._moved,
            PageLinks(settings.public_url),
        )
        self.queue = JobEngine(store, self._mail, budget, clock, self._wake, self._changed, views)
        self.leases = Leases(
            self.queue,
            store,
            PullRequestStore(database),
            self._mail,
            terms,
            settings.webhook_secrets[0],
            clock,
            self._wake,
            self._changed,
            builds,
        )
        self._documents = JobDocuments(rows, artifacts, clock, self._wake)
        of_pulls = JobInputs(app, policies, repositories, rows, artifacts, self._documents, store, clock, settings)
        self.outlooks = OutlookRoom(builds, store, LeafDataStore(database), artifacts, settings.night_terms, clock)
        of_steps = StepInputs(
            app,
            policies,
            repositories,
            builds,
            self.outlooks,
            Orders(builds, store, ReleaseStore(database), rows, artifacts, clock),
            rows,
            artifacts,
            of_pulls.documents_of,
            clock,
        )

        async def inputs(job: StoredJob) -> Material:
            return await (of_steps if job.request.is_of_build else of_pulls).of(job)

        swap_patience = timedelta(minutes=settings.swap_patience_minutes)
        self._sender = JobSender(
            store,
            self.leases,
            self._mail,
            terms,
            clock,
            inputs,
            self.queue.end_one,
            budget,
            is_paused,
            swap_patience,
        )

    async def workers(self) -> Mapping[str, Presence]:
        """Return the workers that were heard of lately: by this process, else by the one that gives out jobs."""
        since = self._clock.now() - PRESENT_FOR
        ours = {name: each for name, each in self.leases.workers.items() if each.heard_at >= since}
        return ours or await self._store.workers.heard_since(since)

    async def start(self, moved: Moved, stepped: OnChange | None = None) -> None:
        """Begin; `moved` takes to the review what a job came to, `stepped` hears of builds. Raises BrokerError."""
        self._move, self._stepped = moved, stepped
        if self._broker is not None:
            await self._broker.start()
        self._mail.start(self.leases.receive)
        self._sender.start()
        self._board.start()

    async def stop(self) -> None:
        """Stop; jobs go on in their workers and report when we are back."""
        await self._board.stop()
        await self._sender.stop()
        await self._documents.stop()
        await self._mail.stop()
        if self._broker is not None:
            await self._broker.stop()

    def _wake(self) -> None:
        self._sender.wake()

    async def _changed(self, before: StoredJob, after: StoredJob) -> None:
        if jobs.changed(before, after) and after.request.kind is JobKind.GENERATE:
            result = await result_of(after, self._artifacts)
            if isinstance(result, GenerateResult):
                jobs.generated(result)
        await self._board.changed(before, after)
        if self._stepped is not None:
            await self._stepped(before, after)

    async def _moved(self, origin: Origin, job: StoredJob) -> None:
        if self._move is not None:
            await self._move(origin, job)
