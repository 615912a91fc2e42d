"""Gathering what a report needs: the plan of a build, its steps, what they found out, the builds before it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.artifact_links import ArtifactLinks
from bot.clock import Clock
from bot.jobs import JobKind, JobState
from bot.nightly.blame import Blame, blame, groups_of
from bot.nightly.build_stages import eta_of, past_durations, stages_of
from bot.nightly.build_view import Addresses, BuildView, Failure, LeftOut, PastBuild, PastScore
from bot.nightly.builds import Build, BuildState
from bot.nightly.leaves import LeafChange
from bot.nightly.plan import BuildPlan
from bot.nightly.releases import Release, ReleaseState
from bot.nightly.steps import variant_from_text
from bot.page_links import PageLinks
from bot.store.announcements import AnnouncementStore
from bot.store.builds import BuildStore
from bot.store.jobs import JobStore
from bot.store.leaves import as_kept
from bot.store.quarantine import QuarantineStore
from bot.store.releases import ReleaseStore
from bot.store.stored_jobs import StoredJob
from pipeline.artifacts import ArtifactError, ArtifactStore
from pipeline.build_orders import GATE, MIX, PACKAGE, OrderedLeaf, generating
from pipeline.build_results import GateResult, MixResult, PackageResult, TrainResult, VariantResult
from pipeline.contract import ContractError, Message
from pipeline.results import GenerateResult

log = structlog.get_logger()

MOST_PAST = 30
_MOST_SCORES = 1_000
_MOST_READ, _AT_ONCE = 500, 8  # results of generating, which only tell whether it was generated before
_MAKING = generating("")
_Result = TypeVar("_Result", bound=Message)


class ViewRoom:
    """Gathers views. Reads only."""

    def __init__(
        self,
        engine: AsyncEngine,
        artifacts: ArtifactStore,
        links: ArtifactLinks,
        clock: Clock,
        *,
        blame_runs: int = 0,
        pages: PageLinks = PageLinks(),
    ) -> None:
        self._builds = BuildStore(engine)
        self._jobs = JobStore(engine)
        self._releases = ReleaseStore(engine)
        self._quarantine = QuarantineStore(engine)
        self._said = AnnouncementStore(engine)
        self._artifacts = artifacts
        self._links = links
        self._clock = clock
        self._blame_runs = blame_runs
        self._pages = pages
        self._scores: OrderedDict[str, dict[str, PastScore]] = OrderedDict()  # by the SHA-256 of a gate's result

    async def view(self, build: Build, repository: str) -> BuildView:
        """Return a build as its report sees it."""
        plan, jobs = await self._builds.plan_of(build), await self._jobs.of_build(build.id)
        results = _Results(self._artifacts, {job.request.step: job for job in jobs})
        gate, mix = await results.of(GATE, GateResult), await results.of(MIX, MixResult)
        trained = [found for step in results.steps("train/") if (found := await results.of(step, TrainResult))]
        left_out = _left_out(plan, jobs, mix)
        stages = stages_of(jobs, mix.phases if mix else (), self._clock.now())
        before = await self._before(build)
        durations = await self._durations(before)
        return BuildView(
            repository,
            build,
            plan,
            self._clock.now(),
            stages.shown,
            gate,
            await results.of(PACKAGE, PackageResult),
            left_out,
            await self._from_cache(plan, jobs, left_out, results),
            sum(data.samples for data in mix.phases.values()) if mix else 0,
            await self._blame(plan, left_out, gate, results),
            await self._quarantined(build.repository_id, plan),
            _failure(build, jobs, gate),
            await self._release(build),
            gate.stands_in if gate else "",
            _remarks(mix, trained, gate),
            await self._past(before),
            Addresses(self._links.trend_link(build.id, build.attempt), self._pages.build(repository, build.name)),
            eta_of(stages, durations, self._clock.now()) if build.state.is_open else None,
            stages.count,
        )

    async def _before(self, build: Build) -> list[Build]:
        """Return the builds of earlier nights that came to something, the newest first."""
        newest = await self._builds.newest(build.repository_id, 2 * MOST_PAST)
        over = [each for each in newest if each.night < build.night and not each.state.is_open]
        return [each for each in over if each.state is not BuildState.PASSED_OVER][:MOST_PAST]

    async def _past(self, before: Sequence[Build]) -> tuple[PastBuild, ...]:
        if not before:
            return ()
        repository_id = before[0].repository_id
        said = await self._said.of_all(repository_id, [f"report:{each.name}" for each in before])
        releases = {each.name: each.state for each in await self._releases.all_of(repository_id)}
        scores = await self._scores_of(before)
        found = []
        for each in before:
            told = said.get(f"report:{each.name}")
            call, _, reason = told.gist.partition(": ") if told else ("", "", "")
            release, score = releases.get(each.name), scores.get(each.id, {})
            found.append(PastBuild(each.name, each.night, each.state.value, call, reason, release, score))
        return tuple(found)

    async def _scores_of(self, builds: Sequence[Build]) -> dict[int, dict[str, PastScore]]:
        """Return what good builds came to, by build; what was read once is kept, for results never change."""
        jobs = await self._jobs.of_step([each.id for each in builds if each.state is BuildState.GOOD], GATE)
        found = await asyncio.gather(*map(self._scores_in, jobs.values()))
        return {build: scores for build, scores in zip(jobs, found, strict=True) if scores is not None}

    async def _scores_in(self, job: StoredJob) -> dict[str, PastScore] | None:
        kept = job.life.outcome.result.sha256 if job.life.outcome and job.life.outcome.result else ""
        if kept in self._scores and job.life.state is JobState.SUCCEEDED:
            return self._scores[kept]
        gate = await _read(self._artifacts, job, GateResult)
        if gate is None:
            return None
        self._scores[kept] = found = scores_of(gate)
        while len(self._scores) > _MOST_SCORES:
            self._scores.popitem(last=False)
        return found

    async def _durations(self, before: Sequence[Build]) -> Mapping[str, float]:
        """Return what each stage of the last good build took."""
        good = next((each for each in before if each.state is BuildState.GOOD), None)
        return past_durations(await self._jobs.of_build(good.id)) if good else {}

    async def _release(self, build: Build) -> ReleaseState | None:
        found: Release | None = await self._releases.of_build(build)
        return found.state if found else None

    async def _quarantined(self, repository_id: int, plan: BuildPlan) -> frozenset[str]:
        standing = await self._quarantine.standing(repository_id)
        return frozenset(leaf.path for leaf in plan.leaves if as_kept(leaf.path) in standing)

    async def _blame(
        self, plan: BuildPlan, left_out: Sequence[LeftOut], gate: GateResult | None, results: _Results
    ) -> Blame | None:
        """Return what is known of who made the gate fail, from the same variants that the build itself looks at."""
        if gate is None or gate.is_passed:
            return None
        out = {leaf.path for leaf in left_out}
        fresh = [
            OrderedLeaf(leaf.path, leaf.path.startswith("knowledge/"), is_fresh=True, pulls=leaf.pulls)
            for leaf in plan.leaves
            if leaf.change is not LeafChange.REMOVED and leaf.path not in out
        ]
        variants = results.steps("variant/")
        done = [found for step in variants if (found := await results.of(step, VariantResult))]
        failed = [
            known
            for step in variants
            if (job := results.job(step)).life.state.is_over and job.life.state is not JobState.SUCCEEDED
            if (known := variant_from_text(job.request.variant))
        ]
        return blame(groups_of(fresh), gate, done, self._blame_runs, failed)

    async def _from_cache(
        self, plan: BuildPlan, jobs: Sequence[StoredJob], left_out: Sequence[LeftOut], results: _Results
    ) -> int:
        """Return of how many leaves the data were there already."""
        made = [
            job.request.step
            for job in jobs
            if job.request.kind is JobKind.GENERATE and job.life.state is JobState.SUCCEEDED
        ]
        known = await results.all_of(made[:_MOST_READ], GenerateResult)
        old = sum(result.is_old for result in known)
        fresh = sum(leaf.change is not LeafChange.REMOVED for leaf in plan.leaves)
        failed = sum(leaf.is_unforeseen for leaf in left_out)
        begun = sum(job.request.kind is JobKind.GENERATE and not job.life.state.is_over for job in jobs)
        return max(0, plan.unchanged + fresh - failed - begun - (len(made) - old)) if jobs else 0


class _Results:
    """What the steps of a build found out, read when it is asked for."""

    def __init__(self, artifacts: ArtifactStore, jobs: Mapping[str, StoredJob]) -> None:
        self._artifacts = artifacts
        self._jobs = jobs

    def steps(self, prefix: str) -> list[str]:
        """Return the steps whose name begins so, in the order in which they were queued."""
        return [step for step in self._jobs if step.startswith(prefix)]

    def job(self, step: str) -> StoredJob:
        """Return the job of a step."""
        return self._jobs[step]

    async def of(self, step: str, kind: type[_Result]) -> _Result | None:
        """Return the result of a step; None where there is none, or where it cannot be read."""
        job = self._jobs.get(step)
        return await _read(self._artifacts, job, kind) if job else None

    async def all_of(self, steps: Iterable[str], kind: type[_Result]) -> list[_Result]:
        """Return the results of several steps that can be read."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(step: str) -> _Result | None:
            async with gate:
                return await self.of(step, kind)

        return [found for found in await asyncio.gather(*map(one, steps)) if found is not None]


async def _read(artifacts: ArtifactStore, job: StoredJob, kind: type[_Result]) -> _Result | None:
    outcome = job.life.outcome
    if job.life.state is not JobState.SUCCEEDED or outcome is None or outcome.result is None:
        return None
    try:
        return kind.from_json(await asyncio.to_thread(artifacts.get, outcome.result))
    except (ArtifactError, ContractError) as error:
        log.error("nightly.result_unreadable", job=job.id, step=job.request.step, error=str(error))
        return None


def scores_of(gate: GateResult) -> dict[str, PastScore]:
    """Return what a build came to on each benchmark of its gate."""
    rows = [row for each in reversed(gate.comparisons) for row in each.rows]
    return {row.name: PastScore(row.tuned, row.n, row.shots) for row in rows}


def _left_out(plan: BuildPlan, jobs: Iterable[StoredJob], mix: MixResult | None) -> tuple[LeftOut, ...]:
    """Return what was left out by the plan, and what failed on the way."""
    found = {leaf.path: LeftOut(leaf.path, leaf.reason, leaf.pulls) for leaf in plan.left_out_leaves}
    failed = {
        job.request.step: job.life.message or f"{job.life.state}"
        for job in jobs
        if job.life.state.is_over and job.life.state is not JobState.SUCCEEDED
    }
    empty = mix.empty_leaves if mix else {}
    for leaf in plan.leaves:
        was_there = leaf.change is LeafChange.CHANGED
        if reason := empty.get(leaf.path) or failed.get(generating(leaf.path)):
            found[leaf.path] = LeftOut(leaf.path, reason, leaf.pulls, is_unforeseen=True, was_in_last=was_there)
    known = {leaf.path for leaf in plan.leaves}
    lost = {step.removeprefix(_MAKING): reason for step, reason in failed.items() if step.startswith(_MAKING)}
    for path, reason in (lost | dict(empty)).items():
        if path not in known:  # as in the last good build, and it gave nothing now
            found[path] = LeftOut(path, reason, (), is_unforeseen=True, was_in_last=True)
    return tuple(found[path] for path in sorted(found))


def _failure(build: Build, jobs: Iterable[StoredJob], gate: GateResult | None) -> Failure | None:
    """Return where a build ended that did not end at its gate."""
    if build.state is not BuildState.FAILED or (gate is not None and not gate.is_passed):
        return None
    failed = [
        job
        for job in jobs
        if job.life.state.is_over
        and job.life.state is not JobState.SUCCEEDED
        and not job.request.step.startswith((_MAKING, "variant/without-"))
    ]
    if not failed:
        return Failure("", build.because)
    return Failure(failed[0].request.step, failed[0].life.message or build.because, failed[0].id, len(failed))


def _remarks(mix: MixResult | None, trained: Iterable[TrainResult], gate: GateResult | None) -> tuple[str, ...]:
    told = [remark for each in (mix, *trained, gate) if each is not None for remark in each.remarks]
    return tuple(dict.fromkeys(told))
