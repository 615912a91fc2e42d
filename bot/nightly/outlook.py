"""How a build stands: its plan, the data of its leaves, its jobs, what they found out; gathered from the stores."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from bot.clock import Clock
from bot.jobs import JobKind, JobState
from bot.nightly.blame import Blame, blame, groups_of
from bot.nightly.builds import Build
from bot.nightly.leaf_data import LeafData
from bot.nightly.leaves import LeafChange
from bot.nightly.plan import BuildPlan, KeptLeaf
from bot.nightly.result_trouble import trouble_with
from bot.nightly.step_rows import StepRows
from bot.nightly.steps import SEED, Aim, Ended, StepJob, Submit, next_steps, variant_from_text
from bot.nightly.terms import RENEWED_EVERY, NightTerms
from bot.store.builds import BuildStore
from bot.store.jobs import JobStore
from bot.store.leaf_data import LeafDataStore
from bot.store.stored_jobs import StoredJob
from checks.contribution import KNOWLEDGE_ROOT
from pipeline.artifacts import ArtifactError, ArtifactStore
from pipeline.build_orders import GATE, MIX, OrderedLeaf, Variant, generating, variant
from pipeline.build_results import GateResult, MixResult, PackageResult, TrainResult, VariantResult
from pipeline.contract import ContractError, Message

# what decides what comes next; the other results are for reports only
_DECIDING: Mapping[JobKind, type[Message]] = {
    JobKind.MIX: MixResult,
    JobKind.TRAIN: TrainResult,
    JobKind.VARIANT: VariantResult,
    JobKind.GATE: GateResult,
    JobKind.PACKAGE: PackageResult,
}
_MOST_KEPT = 200  # results; a plan is kept, too, for it may be megabytes of JSON
_MOST_BYTES = 64 * 1024**2  # of a result

_Result = TypeVar("_Result", bound=Message)


@dataclass(frozen=True, slots=True)
class Outlook:
    """One build at one moment. `leaves` are those of its plan, `data` what there is of them, by path.

    `unusable` are steps that have succeeded, but what they say they found out cannot be used, and why.
    """

    build: Build
    plan: BuildPlan
    terms: NightTerms
    leaves: Mapping[str, KeptLeaf]
    data: Mapping[str, LeafData]
    jobs: Mapping[str, StoredJob]  # by step
    results: Mapping[str, Message]  # by step
    unusable: Mapping[str, str] = field(default_factory=dict)

    def decide(self) -> Submit | Ended:
        """Return what comes next."""
        jobs = {name: _step_job(job, self.unusable.get(name, "")) for name, job in self.jobs.items()}
        return next_steps(self._aim(), jobs, self.results, self._blame)

    def ordered(self, left_out: Mapping[str, str]) -> tuple[OrderedLeaf, ...]:
        """Return the leaves whose data the build takes in."""
        planned = {leaf.path: leaf for leaf in self.plan.leaves}
        return tuple(
            OrderedLeaf(
                path,
                path.partition("/")[0] == KNOWLEDGE_ROOT,
                path in planned,
                planned[path].pulls if path in planned else (),
                leaf.authors,
                leaf.licences or (),
                leaf.qna_sha,
                leaf.attribution_sha,
                self._data_of(path),
            )
            for path, leaf in self.leaves.items()
            if path not in left_out
        )

    @property
    def removed(self) -> tuple[str, ...]:
        """The leaves that the last good build had, and this one has not."""
        return tuple(leaf.path for leaf in self.plan.leaves if leaf.change is LeafChange.REMOVED)

    @property
    def done(self) -> tuple[str, ...]:
        """The steps that have succeeded, oldest first."""
        return tuple(name for name, job in self.jobs.items() if job.life.state is JobState.SUCCEEDED)

    def failed_as(self, path: str) -> str:
        """Return the blob of a leaf that nothing can be made of; empty where trying again may help."""
        job = self.jobs.get(generating(path))
        is_its_own = path in self.data or (job is not None and job.life.state is JobState.FAILED_BY_CONTRIBUTION)
        return self.leaves[path].qna_sha if is_its_own and path in self.leaves else ""

    @property
    def waits_for_data(self) -> bool:
        """True while data of a leaf are still to come."""
        return any(
            path not in self.data and not ((job := self.jobs.get(generating(path))) and job.life.state.is_over)
            for path in self.leaves
        )

    def result(self, step: str, kind: type[_Result]) -> _Result | None:
        """Return what a step found out, None where it has not."""
        found = self.results.get(step)
        return found if isinstance(found, kind) else None

    def _data_of(self, path: str) -> str:
        data = self.data.get(path)
        return data.build if data is not None and data.build != self.build.name else ""

    def _aim(self) -> Aim:
        fresh = frozenset(leaf.path for leaf in self.plan.leaves) & self.leaves.keys()
        seeds = tuple(range(1, self.terms.noise_seeds + 1))
        return Aim(tuple(self.leaves), frozenset(fresh), frozenset(self.data), bool(self.removed), seeds)

    def _blame(self, gate: GateResult, done: Sequence[VariantResult], given_up: Sequence[Variant]) -> Blame:
        mix = self.result(MIX, MixResult)
        out = dict(mix.empty_leaves if mix else {}) | dict.fromkeys(self.leaves.keys() - self.data.keys(), "")
        return blame(groups_of(self.ordered(out)), gate, done, self.terms.blame_runs, given_up)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is remembered of the build of a repository that was looked at last: it is large, and does not change."""

    of: tuple[int, int]  # a build and its attempt
    plan: BuildPlan
    leaves: Mapping[str, KeptLeaf]
    data: dict[str, LeafData]


class OutlookRoom:
    """Gathers outlooks. Raises ArtifactError where a result cannot be had now."""

    def __init__(
        self,
        builds: BuildStore,
        jobs: JobStore,
        leaf_data: LeafDataStore,
        artifacts: ArtifactStore,
        terms: NightTerms,
        clock: Clock,
    ) -> None:
        self._builds = builds
        self._jobs = jobs
        self._leaf_data = leaf_data
        self._artifacts = artifacts
        self._terms = terms
        self._clock = clock
        self._rows = StepRows(jobs)
        self._kept: dict[int, _Kept] = {}  # by repository
        self._results: OrderedDict[tuple[str, JobKind], Message] = OrderedDict()

    async def of(self, build: Build) -> Outlook:
        """Return how a build stands. What its steps have generated is kept for the builds after it."""
        kept, jobs = await self._kept_of(build), await self._rows.of(build)
        for path, leaf in kept.leaves.items():
            job = jobs.get(generating(path))
            if job is None or job.life.state is not JobState.SUCCEEDED:
                continue
            if path not in kept.data or kept.data[path].job_id != job.id:
                kept.data[path] = await self._keep(build, leaf, job)
        results: dict[str, Message] = {}
        unusable: dict[str, str] = {}
        for name, job in jobs.items():
            if job.request.kind not in _DECIDING or job.life.state is not JobState.SUCCEEDED:
                continue
            try:
                results[name] = await self._result_of(job, build, kept.leaves)
            except ContractError as error:
                unusable[name] = str(error)
        terms = build.terms or self._terms
        return Outlook(build, kept.plan, terms, kept.leaves, dict(kept.data), jobs, results, unusable)

    async def note_used(self, outlook: Outlook) -> None:
        """Remember that a build takes in the data of its leaves, so that they stay."""
        await self._leaf_data.note_used(list(outlook.data.values()), self._clock.now())

    async def forget_lost(self, outlook: Outlook) -> tuple[str, ...]:
        """Forget the data of leaves whose files are no longer in the artifact store; return the leaves.

        They are generated from anew, except where this build has done that already.
        """
        files = [artifact for data in outlook.data.values() for artifact in data.artifacts]
        lacking = await asyncio.to_thread(self._artifacts.lacking, files)
        lost = {
            path: data
            for path, data in outlook.data.items()
            if not lacking.isdisjoint(artifact.sha256 for artifact in data.artifacts)
        }
        await self._leaf_data.forget_lost(lost.values())
        for path in lost:
            (await self._kept_of(outlook.build)).data.pop(path, None)
        return tuple(lost)

    async def plan_of(self, build: Build) -> BuildPlan:
        """Return the plan of a build; that of the last one asked for is remembered."""
        return (await self._kept_of(build)).plan

    async def terms_of_next(self, repository_id: int) -> NightTerms:
        """Return the terms on which a build begins now: what is set, and what earlier builds found out."""
        newest = await self._builds.newest_good(repository_id, RENEWED_EVERY)
        gates = await self._jobs.of_step([build.id for build in newest], GATE)
        seeds = await self._jobs.of_step([build.id for build in newest], variant(f"{SEED}1"))
        since = next((n for n, build in enumerate(newest) if build.id in seeds), RENEWED_EVERY)
        gate = gates.get(newest[0].id) if newest else None
        try:
            found = await self._result_of(gate, newest[0], ()) if gate else None
        except (ArtifactError, ContractError):  # then it is measured anew
            found = None
        return self._terms.knowing(found if isinstance(found, GateResult) else None, since)

    async def _kept_of(self, build: Build) -> _Kept:
        of = (build.id, build.attempt)
        kept = self._kept.get(build.repository_id)
        if kept is None or kept.of != of:
            plan = await self._builds.plan_of(build)
            leaves, terms = await asyncio.to_thread(lambda: plan.told), build.terms or self._terms
            blobs = {path: leaf.qna_sha for path, leaf in leaves.items()}
            data = await self._leaf_data.of_leaves(build.repository_id, terms.data_version, blobs)
            kept = self._kept[build.repository_id] = _Kept(of, plan, leaves, data)
        return kept

    async def _keep(self, build: Build, leaf: KeptLeaf, job: StoredJob) -> LeafData:
        now, outcome = self._clock.now(), job.life.outcome
        found = LeafData(
            build.repository_id,
            leaf.path,
            leaf.qna_sha,
            (build.terms or self._terms).data_version,
            build.name,
            job.id,
            outcome.artifacts if outcome else (),
            outcome.result if outcome else None,
            now,
            now,
        )
        await self._leaf_data.keep(found)
        return found

    async def _result_of(self, job: StoredJob, build: Build, leaves: Collection[str]) -> Message:
        """Return what a step found out. Raises ContractError where that cannot be used, ArtifactError."""
        kind, outcome = job.request.kind, job.life.outcome
        if outcome is None or outcome.result is None:
            raise ContractError("Its worker told no result.")
        if outcome.result.size > _MOST_BYTES:
            raise ContractError("Its result is larger than anything that is read.")
        key = (outcome.result.sha256, kind)
        if key not in self._results:
            text = await asyncio.to_thread(self._artifacts.get, outcome.result)
            self._results[key] = await asyncio.to_thread(_DECIDING[kind].from_json, text)
            if len(self._results) > _MOST_KEPT:
                self._results.popitem(last=False)
        found = self._results[key]
        if trouble := trouble_with(found, build.name, job.request.step, job.request.variant, leaves):
            raise ContractError(trouble)
        return found


def _step_job(job: StoredJob, unusable: str) -> StepJob:
    if unusable:
        why = f"What it found out cannot be used. {unusable}"
        return StepJob(JobState.INFRA_ERROR, why, variant_from_text(job.request.variant))
    return StepJob(job.life.state, job.life.message, variant_from_text(job.request.variant))
