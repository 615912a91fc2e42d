"""The board: shows every job on GitHub as it stands, one check run a job; what was missed is made up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from bot.apply import Writer
from bot.clock import Clock
from bot.comments.job_report import JobReportView, evaluation_comment, gone_on, job_report
from bot.comments.markers import MarkerSigner
from bot.events import Origin
from bot.github.client import GitHubApp
from bot.github.errors import GitHubError, NotFoundError, RefusedError
from bot.github.gate import SilentError
from bot.github.pulls import PullReader
from bot.job_results import result_of
from bot.job_views import JobViews, artifacts_of
from bot.page_links import NO_PAGES, PageLinks
from bot.store.artifacts import ArtifactRows, KeptArtifact
from bot.store.jobs import JobStore
from bot.store.repositories import RepositoryStore
from bot.store.stored_jobs import StoredJob
from checks.contribution import Sha
from pipeline.artifacts import ArtifactStore
from pipeline.contract import Queue
from pipeline.evaluation_results import EvaluateResult

log = structlog.get_logger()

_LOOK_EVERY_S = 15.0  # also how often progress is shown at most
_LOOK_AT_LINES_EVERY = timedelta(minutes=1)
_FRONT_OF_LINE = 5  # further behind, a place is shown as it was when the job was queued

Moved = Callable[[Origin, StoredJob], Awaitable[None]]


class JobBoard:
    """Brings GitHub up to date with the jobs."""

    def __init__(
        self,
        app: GitHubApp,
        store: JobStore,
        looks: JobViews,
        repositories: RepositoryStore,
        rows: ArtifactRows,
        artifacts: ArtifactStore,
        clock: Clock,
        signer: MarkerSigner,
        moved: Moved,
        pages: PageLinks = NO_PAGES,
    ) -> None:
        """`moved` takes to the review what a job came to, and brings the living comment up to date."""
        self._app = app
        self._store = store
        self._looks = looks
        self._repositories = repositories
        self._rows = rows
        self._artifacts = artifacts
        self._clock = clock
        self._signer = signer
        self._moved = moved
        self._pages = pages
        self._views: dict[int, JobReportView] = {}  # what is shown of jobs that are not over, since we run
        self._look_at_lines_from = clock.now()
        self._something_new = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def changed(self, before: StoredJob, after: StoredJob) -> None:
        """A job has changed; another state or commit is shown at once, progress at leisure."""
        has_moved = before.request.head_sha != after.request.head_sha
        if before == after or before.life.state is not after.life.state or has_moved:
            self._something_new.set()

    def start(self) -> None:
        """Begin to show."""
        self._task = asyncio.create_task(self._run(), name="job board")

    async def stop(self) -> None:
        """Stop; what is not shown yet is shown at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._something_new.clear()
            try:
                await self.show_all()
            except Exception:
                log.exception("jobs.board_stumbled")
            await self._pause()

    async def _pause(self) -> None:
        woken = asyncio.create_task(self._something_new.wait())
        slept = asyncio.create_task(self._clock.sleep(_LOOK_EVERY_S))
        try:
            await asyncio.wait((woken, slept), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (woken, slept):
                task.cancel()
            await asyncio.gather(woken, slept, return_exceptions=True)

    async def show_all(self) -> None:
        """Show every job that has changed; one that cannot be shown now is left for the next look."""
        for job in await self._store.unshown():
            try:
                await self._show(job)
            except SilentError:  # the pages show it
                await self._store.note_shown(job, job.check_run_id)
            except GitHubError as error:
                log.warning("jobs.not_shown", job=job.id, error=str(error))
        if self._clock.now() >= self._look_at_lines_from:
            self._look_at_lines_from = self._clock.now() + _LOOK_AT_LINES_EVERY
            await self._show_moved()

    async def _show_moved(self) -> None:
        """Show those at the front of each line that have moved up, or should be done at another time by now."""
        for queue in Queue:
            for waiting in await self._store.line.waiting(queue.value, _FRONT_OF_LINE):
                job = await self._store.get(waiting.id)
                known = self._views.get(waiting.id)
                if job is None or known is None or known == job_report(await self._looks.of(job)):
                    continue
                try:
                    await self._show(job)
                except GitHubError as error:
                    log.warning("jobs.not_shown", job=job.id, error=str(error))

    async def _show(self, job: StoredJob) -> None:
        if job.request.is_of_build:  # it is about no pull request: the report of its build tells of it
            await self._keep_artifacts(job)
            await self._store.note_shown(job, None)
            return
        origin = await self._repositories.origin_of(job.request.repository_id)
        if origin is None:
            return
        client = self._app.installation(origin.installation_id)
        reader = PullReader(client, origin.full_name)
        try:
            pull = await reader.pull(job.request.number)
        except NotFoundError:
            await self._store.note_shown(job, job.check_run_id)
            return
        await self._keep_artifacts(job)
        seen, result = await self._looks.of(job), await result_of(job, self._artifacts)
        view = job_report(seen, result, await self._log(job))
        if self._views.get(job.id) == view:
            await self._store.note_shown(job, job.check_run_id)
            return
        writer, page_url = Writer(client, pull, self._clock), self._pages.job(origin.full_name, job.id)
        was_told = await self._leave_other_commit(job, view, reader, writer)
        run_id = await self._show_on_check_run(job, view, reader, writer, page_url)
        if pull.is_open and isinstance(result, EvaluateResult):
            marker = self._signer.reply_marker("evaluation", origin.repository_id, pull.number)
            await writer.put_comment(marker, evaluation_comment(seen, result, page_url))
        await self._store.note_shown(job, run_id)
        before = self._views.pop(job.id, None)
        if not job.life.state.is_over:
            self._views[job.id] = view
        if pull.is_open and not was_told and (before is None or before.status != view.status):
            await self._moved(origin, job)

    async def _show_on_check_run(
        self, job: StoredJob, view: JobReportView, reader: PullReader, writer: Writer, page_url: str
    ) -> int | None:
        head = job.request.head_sha
        run_id = job.check_run_id if job.check_run_sha == head else None
        if run_id is None:
            await self._store.note_commit_of_check_run(job)  # should we die now, it is looked for there
            runs = await reader.own_check_runs(head, self._app.app_id, only_newest=False)
            run_id = next((int(run["id"]) for run in runs if run["external_id"] == view.external_id), None)
        try:
            return await writer.show_job(view, run_id, page_url)
        except RefusedError as error:  # a commit that is gone shows nothing any more
            log.info("jobs.not_showable", job=job.id, error=str(error))
            return run_id

    async def _leave_other_commit(
        self, job: StoredJob, view: JobReportView, reader: PullReader, writer: Writer
    ) -> bool:
        """Complete the check run of a job that has followed the content to another commit, if it was not over.

        Return whether it had told there already what it tells now.
        """
        left = job.check_run_sha
        if not left or left == job.request.head_sha:
            return False
        was_told = False
        for run in await reader.own_check_runs(Sha(left), self._app.app_id, only_newest=False):
            if run["external_id"] != view.external_id:
                continue
            was_told = (run["conclusion"], run["output"]["title"]) == (view.conclusion, view.title)
            if run["status"] != "completed":
                try:
                    await writer.show_job(gone_on(view, left), int(run["id"]))
                except (NotFoundError, RefusedError) as error:  # a commit that is gone shows nothing any more
                    log.info("jobs.not_showable", job=job.id, error=str(error))
        return was_told

    async def _log(self, job: StoredJob) -> list[str]:
        return await self._store.logs.of_job(job.id) if job.life.state.is_over else []

    async def _keep_artifacts(self, job: StoredJob) -> None:
        request, kept = job.request, []
        for artifact in artifacts_of(job):
            try:
                kept.append(
                    KeptArtifact.told(artifact, request.repository_id, request.number, self._clock.now(), job.id)
                )
            except ValueError as error:
                log.error("jobs.artifact_unusable", job=job.id, error=str(error))
        if kept:
            await self._rows.note(kept)
