"""The foreman: has builds run. It looks at what is there and does what comes next, however often and from wherever.

Nothing is kept in it: a look after each job, at a start, every minute and by two bots at once comes to the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from bot.clock import Clock
from bot.github.errors import GitHubError
from bot.job_engine import JobEngine
from bot.job_leases import BUILD_IS_OVER
from bot.job_line import NIGHTLY_PRIORITY
from bot.jobs import JobKind, JobRequest, JobState, JobsUnavailableError
from bot.nightly.blame import Blame
from bot.nightly.build_marks import BuildMarks
from bot.nightly.builds import Build, BuildState
from bot.nightly.outlook import Outlook, OutlookRoom
from bot.nightly.plan import BuildPlan, LeftOutLeaf
from bot.nightly.releases import Release
from bot.nightly.steps import Ended, Step, Submit, source_of, variant_as_text
from bot.store.builds import BuildStore
from bot.store.jobs import JobStore
from bot.store.releases import ReleaseStore
from bot.store.repositories import KnownRepository, RepositoryStore
from bot.store.stored_jobs import StoredJob
from checks.contribution import Login, Sha
from pipeline.artifacts import ArtifactError
from pipeline.build_orders import PACKAGE, PublishedBuild
from pipeline.build_results import PackageResult
from pipeline.model_store import ModelStoreError

log = structlog.get_logger()

_US = Login("taxonomy-bot")

KeepOut = Callable[[KnownRepository, Build, Blame], Awaitable[object]]
Looked = Callable[[KnownRepository], Awaitable[None]]
Promote = Callable[[KnownRepository, Release], Awaitable[str]]  # why it is not served now, in a sentence
Stands = Callable[[int, PublishedBuild], Awaitable[str]]  # why it is not in the store of models, in a sentence


class Foreman:
    """Has the builds of all repositories run."""

    def __init__(
        self,
        builds: BuildStore,
        jobs: JobStore,
        engine: JobEngine,
        rooms: OutlookRoom,
        releases: ReleaseStore,
        repositories: RepositoryStore,
        marks: BuildMarks,
        keep_out: KeepOut,
        stands: Stands,
        clock: Clock,
        serves: frozenset[int],
        promote: Promote | None = None,
        looked: Looked | None = None,
        look_every_s: float = 60.0,
    ) -> None:
        """`keep_out` quarantines those who are blamed; `promote` serves a release where the policy says so.

        `stands` looks into the store of models: that a package is there, no worker is believed.
        `looked` is told of every look: nobody looking for long is an alarm.
        """
        self._builds = builds
        self._jobs = jobs
        self._engine = engine
        self._rooms = rooms
        self._releases = releases
        self._repositories = repositories
        self._marks = marks
        self._keep_out = keep_out
        self._stands = stands
        self._promote = promote
        self._looked = looked
        self._look_every_s = look_every_s
        self._clock = clock
        self._serves = serves
        self._something_new, self._something_to_show = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to look; labels move beside that, for GitHub may be slow."""
        self._tasks = [
            asyncio.create_task(self._run(self.look, self._something_new), name="foreman"),
            asyncio.create_task(self._run(self.show, self._something_to_show), name="foreman's labels"),
        ]

    async def stop(self) -> None:
        """Stop, also in the middle: what is to be done is found again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def job_changed(self, before: StoredJob, after: StoredJob) -> None:
        """A job has changed: the end of a step may let others begin."""
        request = after.request
        if not request.is_of_build or before.life.state is after.life.state or not after.life.state.is_over:
            return
        if request.kind is not JobKind.GENERATE or not await self._jobs.is_generating(request.build_id):
            self._something_new.set()  # thousands of leaves end one by one, and only the last one lets others begin

    async def look(self) -> None:
        """Do what comes next; whatever is wrong with one repository is no matter of the others."""
        for known in await self._served():
            try:
                await self._look_at(known)
                if self._looked is not None:
                    await self._looked(known)
            except Exception:
                log.exception("nightly.foreman_stumbled", repository_id=known.origin.repository_id)

    async def show(self) -> None:
        """Bring the labels of pull requests up to date."""
        for known in await self._served():
            try:
                await self._marks.show(known)
            except GitHubError as error:  # tried again at the next look
                log.warning("nightly.not_labelled", repository_id=known.origin.repository_id, error=str(error))

    async def _served(self) -> list[KnownRepository]:
        known = await self._repositories.all_known()
        return [each for each in known if each.origin.repository_id in self._serves]

    async def _look_at(self, known: KnownRepository) -> None:
        repository_id = known.origin.repository_id
        planned = await self._builds.planned(repository_id)
        if planned is not None:
            terms = await self._rooms.terms_of_next(repository_id)
            if await self._builds.begin(planned, self._clock.now(), terms):
                log.info("nightly.began", repository_id=repository_id, build=planned.name)
                self._something_to_show.set()
        for job_id in await self._builds.stray_steps(repository_id):
            await self._engine.end_one(job_id, JobState.CANCELLED, BUILD_IS_OVER)
            self._something_to_show.set()
        if (build := await self._builds.running(repository_id)) is not None:
            held = await self._or_why_not(build, self._bring_on(known, build))
            if held != build.held:
                await self._builds.hold(build, held)
        for ended in await self._builds.not_rounded_off(repository_id):
            held = await self._or_why_not(ended, self._round_off(known, ended))
            if held and held != ended.held:
                await self._builds.hold(ended, held)

    async def _or_why_not(self, build: Build, work: Awaitable[str]) -> str:
        """Return what holds a build, also where something could not be done: nothing is ever held in silence."""
        try:
            return await work
        except (GitHubError, ArtifactError, ModelStoreError) as error:
            log.warning("nightly.held", build=build.name, error=str(error))
            return f"{error} It is tried again every minute."
        except Exception as error:
            log.exception("nightly.foreman_stumbled", build=build.name)
            return (
                f"The bot stumbled over this build ({type(error).__name__}): that is a mistake of ours; its log "
                "says more. It is tried again every minute; `taxonomy-bot nightly cancel` gives the build up."
            )

    async def _bring_on(self, known: KnownRepository, build: Build) -> str:
        """Do what comes next in a build that runs. Return what holds its next step, empty when nothing does."""
        outlook = await self._rooms.of(build)
        match await asyncio.to_thread(outlook.decide):  # of ten thousand leaves: others go on meanwhile
            case Submit(steps):
                if not outlook.jobs:
                    await self._rooms.note_used(outlook)
                return await self._submit(build, outlook.plan, steps)
            case ended:
                await self._end(known, outlook, ended)
                return ""

    async def _submit(self, build: Build, plan: BuildPlan, steps: tuple[Step, ...]) -> str:
        refused: dict[JobKind, str] = {}
        waiting = 0
        for step in steps:
            if step.kind in refused:
                waiting += 1
                continue
            try:
                await self._engine.submit(_request(build, plan, step), self._clock.now(), NIGHTLY_PRIORITY)
            except JobsUnavailableError as error:
                refused[step.kind] = str(error)
                waiting += 1
        if not refused:
            return ""
        log.info("nightly.steps_refused", build=build.name, steps=waiting)
        which = f"{waiting} steps wait" if waiting > 1 else "One step waits"
        return f"{which} and are tried again every minute. {' '.join(dict.fromkeys(refused.values()))}"

    async def _end(self, known: KnownRepository, outlook: Outlook, ended: Ended) -> None:
        build, package = outlook.build, outlook.result(PACKAGE, PackageResult)
        if ended.state is BuildState.GOOD and package is not None:
            why_not = await self._stands(build.repository_id, PublishedBuild(package.name, package.manifest_sha256))
            if why_not:
                ended = Ended(BuildState.FAILED, f"{PACKAGE}: {why_not}", PACKAGE, ended.left_out)
        if ended.state is BuildState.GOOD and package is not None:
            await self._rooms.note_used(outlook)
            is_ours = await self._builds.end_good(build, self._clock.now(), _without(outlook, ended), package)
        else:
            if ended.blame is not None:
                await self._keep_out(known, build, ended.blame)
            is_ours = await self._builds.end(build, ended.state, self._clock.now(), ended.reason)
        if is_ours:
            log.info(
                "nightly.ended", build=build.name, state=ended.state.value, step=ended.step, because=ended.reason
            )
        self._something_to_show.set()
        for job_id in await self._builds.stray_steps(build.repository_id):
            await self._engine.end_one(job_id, JobState.CANCELLED, BUILD_IS_OVER)

    async def _round_off(self, known: KnownRepository, build: Build) -> str:
        """Serve what a good build has published, where the policy says so: it is over only then."""
        release = await self._releases.of_build(build)
        why_not = await self._promote(known, release) if self._promote is not None and release is not None else ""
        await self._builds.rounded_off(build, why_not)
        return ""

    async def _run(self, look: Callable[[], Awaitable[None]], wake: asyncio.Event) -> None:
        while True:
            wake.clear()
            try:
                await look()
            except Exception:  # the database stumbled
                log.exception("nightly.foreman_stumbled")
            await self._pause(wake)

    async def _pause(self, wake: asyncio.Event) -> None:
        woken = asyncio.create_task(wake.wait())
        slept = asyncio.create_task(self._clock.sleep(self._look_every_s))
        try:
            await asyncio.wait((woken, slept), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (woken, slept):
                task.cancel()
            await asyncio.gather(woken, slept, return_exceptions=True)


def _request(build: Build, plan: BuildPlan, step: Step) -> JobRequest:
    return JobRequest(
        build.repository_id,
        0,
        step.kind,
        Sha(plan.commit),
        0,
        _US,
        source_of(build, step.name),
        build_id=build.id,
        build_attempt=build.attempt,
        step=step.name,
        variant=variant_as_text(step.variant) if step.variant is not None else "",
    )


def _without(outlook: Outlook, ended: Ended) -> BuildPlan:
    """Return the plan with what came to be left out on the way, so that the plans after it take it up again."""
    plan = outlook.plan
    pulls = {leaf.path: leaf.pulls for leaf in plan.leaves}
    more = tuple(
        LeftOutLeaf(path, reason, pulls.get(path, ()), outlook.failed_as(path))
        for path, reason in sorted(ended.left_out.items())
    )
    return replace(plan, left_out_leaves=(*plan.left_out_leaves, *more))
