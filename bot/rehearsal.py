"""Rehearsing: what the bot would do, decided by the same code, on a copy of what it knows, and written nowhere."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.actions import Action
from bot.clock import Clock
from bot.comments.markers import MarkerSigner
from bot.dossier import Dossiers
from bot.effects import EffectDesk
from bot.events import Origin
from bot.github.client import GitHubApp
from bot.github.errors import NotFoundError
from bot.github.pulls import Pull, PullReader
from bot.job_views import JobViews
from bot.jobs import Job, NoJobs
from bot.look import Looks
from bot.notebook import Notebook
from bot.page_links import PageLinks
from bot.plan import Planner
from bot.policies import Policies
from bot.records import Records
from bot.rule_sets import RuleSets
from bot.rule_workers import RuleWorkers
from bot.settings import BotSettings
from bot.store.adoption import AdoptionStore
from bot.store.copies import copied
from bot.store.desk_log import DeskLog
from bot.store.jobs import JobStore
from bot.store.pull_requests import PullMemory
from bot.store.rule_starts import RuleStarts
from bot.triage import Triage, Triaged
from bot.wiring import make_documents, make_neighbourhood, make_records, open_github
from checks.policy import Policy
from pipeline.artifacts import ArtifactStore

_INDEXES = "indexes"


class UnknownPlaceError(Exception):
    """The repository or the pull request is not there for us; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What one triage would come to, from how things stand now."""

    pull: Pull
    before: PullMemory
    triaged: Triaged
    actions: tuple[Action, ...]


class _JobsAsTheyStand(NoJobs):
    """Tells what is queued and done; takes no orders."""

    def __init__(self, engine: AsyncEngine, settings: BotSettings, clock: Clock) -> None:
        self._store = JobStore(engine)
        self._views = JobViews(self._store, clock, settings.budget)

    async def of_pull(self, repository_id: int, number: int) -> tuple[Job, ...]:
        """Return the jobs of a pull request, oldest first."""
        return tuple([await self._views.of(job) for job in await self._store.of_pull(repository_id, number)])


class Rehearsal:
    """Everything that triage needs, wired as the bot wires it, but on a copy and without a pen."""

    def __init__(
        self,
        github: GitHubApp,
        settings: BotSettings,
        engine: AsyncEngine,
        folder: Path,
        workers: RuleWorkers,
        clock: Clock,
        policy: Policy | None,
    ) -> None:
        """What is fetched or made on the way goes below `folder`; indexes of passages that are there are used."""
        self.github = github
        self.records: Records = make_records(engine, _JobsAsTheyStand(engine, settings, clock), clock)
        self.rule_sets = RuleSets(self.records.memories, RuleStarts(engine), clock)
        self._documents = make_documents(settings, engine, ArtifactStore(str(folder / "artifacts")), clock)
        there = settings.model_copy(update={"index_folder": folder / _INDEXES})
        self._neighbourhood = make_neighbourhood(github, there, engine, workers, clock)
        self.policies = Policies(settings, clock, policy)
        self.looks = Looks(
            self.policies,
            self.rule_sets,
            workers,
            self._documents,
            self._neighbourhood,
            most_commits=settings.max_commits,
        )
        self._settings = settings
        self._engine = engine
        self._clock = clock

    async def stop(self) -> None:
        """Give up what is still being fetched."""
        if self._documents is not None:
            await self._documents.stop()
        if self._neighbourhood is not None:
            await self._neighbourhood.stop()

    async def origin_of(self, full_name: str) -> Origin:
        """Return where a repository is. Raises UnknownPlaceError, and the errors of `bot.github.errors`."""
        known = await self.records.repositories.all_known()
        for each in known:
            if each.origin.full_name.casefold() == full_name.casefold():
                return each.origin
        installation = await self.github.installation_of(full_name)
        if installation is None:
            raise UnknownPlaceError(f"The App is not installed on {full_name}. Is the name right?")
        owner, _, name = full_name.partition("/")
        place = await self.github.installation(installation).read(
            "/repos/{owner}/{name}", {"owner": owner, "name": name}
        )
        return Origin(int(place["id"]), place["full_name"], installation)

    def reader(self, origin: Origin) -> PullReader:
        """Return what reads pull requests of a repository."""
        return PullReader(self.github.installation(origin.installation_id), origin.full_name)

    async def triage(self, origin: Origin, number: int) -> Rehearsed:
        """Return what a triage of one pull request would come to. Raises UnknownPlaceError for one not open."""
        try:
            pull = await self.reader(origin).pull(number)
        except NotFoundError:
            raise UnknownPlaceError(f"There is no pull request #{number} in {origin.full_name}.") from None
        if not pull.is_open:
            raise UnknownPlaceError(f"#{number} is closed: nothing happens on it any more.")
        await self._forget_what_was_never_said(origin, number)
        memory = await self.records.memories.get(origin.repository_id, number)
        notebook = Notebook()
        triaged = await self._triage(notebook).run(origin, number)
        if triaged is None:
            raise UnknownPlaceError(f"#{number} was closed or pushed to meanwhile. Try again.")
        before = memory or PullMemory(origin.repository_id, number)
        return Rehearsed(pull, before, triaged, tuple(notebook.actions))

    async def _forget_what_was_never_said(self, origin: Origin, number: int) -> None:
        """Let one that was only looked at be rehearsed as its first word; what is written to is a copy."""
        store = AdoptionStore(self._engine)
        known = await store.get(origin.repository_id, number)
        if known is not None and known.is_shadow:
            await store.wake(origin.repository_id, number, self._clock.now())

    def _triage(self, notebook: Notebook) -> Triage:
        desk_log, signer = DeskLog(self._engine), MarkerSigner(self._settings.webhook_secrets)
        dossiers = Dossiers(self.records, self._clock)
        effects = EffectDesk(self.records, desk_log, self._clock)
        planner = Planner(signer, self._settings.github_web_url, PageLinks(self._settings.public_url))

        return Triage(
            self.github,
            self.looks,
            planner,
            dossiers,
            effects,
            self.records,
            desk_log,
            signer,
            self._clock,
            notebook.open,
        )


@asynccontextmanager
async def rehearsing(
    settings: BotSettings, clock: Clock, workers: RuleWorkers | None = None, policy: Policy | None = None
) -> AsyncIterator[Rehearsal]:
    """Give a rehearsal, by `policy` instead of what the repositories hold. Raises DatabaseError.

    The database is only read; GitHub is only asked (for a token, too); files go to a folder that is then removed.
    """
    own = workers is None
    workers = workers or RuleWorkers(1, settings.rule_time_limit_s)
    timeout = aiohttp.ClientTimeout(total=settings.request_timeout_s)
    try:
        with tempfile.TemporaryDirectory(prefix="rehearsal-") as name:
            folder = Path(name)
            await asyncio.to_thread(_copy_indexes, settings.indexes_folder, folder / _INDEXES)
            async with copied(settings.database_url) as engine, aiohttp.ClientSession(timeout=timeout) as session:
                github = open_github(session, settings, clock, only_reads=True)
                rehearsal = Rehearsal(github, settings, engine, folder, workers, clock, policy)
                try:
                    yield rehearsal
                finally:
                    await rehearsal.stop()
    finally:
        if own:
            workers.close()


def _copy_indexes(source: Path, target: Path) -> None:
    """Have the indexes of passages at hand: finished ones never change, so a second name will do for a copy."""
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_linked)


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk
        shutil.copy2(source, target)
