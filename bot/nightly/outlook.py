"""How a build stands: its plan, the data of its leaves, its jobs, what they found out; gathered from the stores."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bot.clock import Clock
from bot.jobs import JobKind, JobState
from bot.nightly.blame import Blame, blame, groups_of
from bot.nightly.builds import Build
from bot.nightly.leaf_data import LeafData
from bot.nightly.leaves import LeafChange
from bot.nightly.plan import BuildPlan, KeptLeaf
from bot.nightly.steps import Aim, Ended, StepJob, Submit, next_steps, variant_from_text
from bot.nightly.terms import NightTerms
from bot.store.builds import BuildStore
from bot.store.jobs import JobStore
from bot.store.leaf_data import LeafDataStore
from bot.store.stored_jobs import StoredJob
from checks.contribution import KNOWLEDGE_ROOT
from pipeline.artifacts import ArtifactStore
from pipeline.build_orders import MIX, OrderedLeaf, Variant, generating
from pipeline.build_results import GateResult, MixResult, PackageResult, TrainResult, VariantResult
from pipeline.contract import Message

# what decides what comes next; the other results are for reports only
_DECIDING: Mapping[JobKind, type[Message]] = {
    JobKind.MIX: MixResult,
    JobKind.TRAIN: TrainResult,
    JobKind.VARIANT: VariantResult,
    JobKind.GATE: GateResult,
    JobKind.PACKAGE: PackageResult,
}
_MOST_KEPT = 200  # results; a plan is kept, too, for it may be megabytes of JSON

_Result = TypeVar("_Result", bound=Message)


@dataclass(frozen=True, slots=True)
class Outlook:
    """One build at one moment. `leaves` are those of its plan, `data` what there is of them, by path."""

    build: Build
    plan: BuildPlan
    terms: NightTerms
    leaves: Mapping[str, KeptLeaf]
    data: Mapping[str, LeafData]
    jobs: Mapping[str, StoredJob]  # by step
    results: Mapping[str, Message]  # by step

    def decide(self) -> Submit | Ended:
        """Return what comes next."""
        jobs = {name: _step_job(job) for name, job in self.jobs.items()}
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


class OutlookRoom:
    """Gathers outlooks. Raises ArtifactError and ContractError where a result cannot be read."""

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
        self._plan: tuple[tuple[int, int], BuildPlan] | None = None
        self._results: OrderedDict[str, Message] = OrderedDict()

    async def of(self, build: Build) -> Outlook:
        """Return how a build stands. What its steps have generated is kept for the builds after it."""
        plan = await self.plan_of(build)
        leaves, terms = plan.told, self._terms
        blobs = {path: leaf.qna_sha for path, leaf in leaves.items()}
        jobs = {job.request.step: job for job in await self._jobs.of_build(build.id)}
        data = await self._leaf_data.of_leaves(build.repository_id, terms.data_version, blobs)
        for path, leaf in leaves.items():
            job = jobs.get(generating(path))
            if path not in data and job is not None and job.life.state is JobState.SUCCEEDED:
                data[path] = await self._keep(build, leaf, job)
        results = {name: found for name, job in jobs.items() if (found := await self._result_of(job)) is not None}
        return Outlook(build, plan, terms, leaves, data, jobs, results)

    async def note_used(self, outlook: Outlook) -> None:
        """Remember that a build takes in the data of its leaves, so that they stay."""
        await self._leaf_data.note_used(list(outlook.data.values()), self._clock.now())

    async def plan_of(self, build: Build) -> BuildPlan:
        """Return the plan of a build; that of the last one asked for is kept."""
        key = (build.id, build.attempt)
        if self._plan is None or self._plan[0] != key:
            self._plan = (key, await self._builds.plan_of(build))
        return self._plan[1]

    async def _keep(self, build: Build, leaf: KeptLeaf, job: StoredJob) -> LeafData:
        now, outcome = self._clock.now(), job.life.outcome
        found = LeafData(
            build.repository_id,
            leaf.path,
            leaf.qna_sha,
            self._terms.data_version,
            build.name,
            job.id,
            outcome.artifacts if outcome else (),
            outcome.result if outcome else None,
            now,
            now,
        )
        await self._leaf_data.keep(found)
        return found

    async def _result_of(self, job: StoredJob) -> Message | None:
        kind, outcome = _DECIDING.get(job.request.kind), job.life.outcome
        if kind is None or job.life.state is not JobState.SUCCEEDED or outcome is None or outcome.result is None:
            return None
        sha256 = outcome.result.sha256
        if sha256 not in self._results:
            self._results[sha256] = kind.from_json(await asyncio.to_thread(self._artifacts.get, outcome.result))
            if len(self._results) > _MOST_KEPT:
                self._results.popitem(last=False)
        return self._results[sha256]


def _step_job(job: StoredJob) -> StepJob:
    return StepJob(job.life.state, job.life.message, variant_from_text(job.request.variant))
