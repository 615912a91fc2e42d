"""The orders of a build's steps: what each is told, and the files of the steps before it, stored as an artifact."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from bot.clock import Clock
from bot.github.errors import NotFoundError
from bot.github.pulls import PullReader
from bot.job_documents import NoInputsError
from bot.nightly.leaf_data import made_by
from bot.nightly.outlook import Outlook
from bot.nightly.steps import variant_from_text
from bot.store.artifacts import ArtifactRows, KeptArtifact
from bot.store.builds import BuildStore
from bot.store.jobs import JobStore
from bot.store.releases import ReleaseStore
from bot.store.stored_jobs import StoredJob
from pipeline.artifacts import ArtifactStore
from pipeline.attribution_bundle import ATTRIBUTIONS, ATTRIBUTIONS_TYPE, as_bundle
from pipeline.build_orders import (
    GATE,
    ORDER_TYPE,
    PACKAGE,
    BuildOrder,
    PublishedBuild,
    generating,
    reads_files_of,
)
from pipeline.build_results import GateResult
from pipeline.contract import Artifact


@dataclass(frozen=True, slots=True)
class Before:
    """What a build is compared with, and how much scores moved by chance until now."""

    last: PublishedBuild | None = None
    pinned: PublishedBuild | None = None
    noise: Mapping[str, float] | None = None
    noise_freedom: int = 0


def order_of(job: StoredJob, outlook: Outlook, before: Before, more: Mapping[str, Artifact]) -> BuildOrder:
    """Return what the step of a job is told. `more` are files that no step has made, by their role."""
    request, build, left_out = job.request, outlook.build, outlook.decide().left_out
    leaves = outlook.ordered(left_out)
    kind, _, rest = request.step.partition("/")
    return BuildOrder(
        build.name,
        request.step,
        outlook.plan.commit,
        outlook.terms.seed,
        leaves,
        outlook.removed,
        {leaf.path: leaf.reason for leaf in outlook.plan.left_out_leaves} | dict(left_out),
        _files(request.step, outlook, [leaf.path for leaf in leaves]) | dict(more),
        rest.partition("/")[2] if kind == "score" else "",
        variant_from_text(request.variant),
        before.last,
        before.pinned,
        dict(before.noise or {}),
        before.noise_freedom,
        outlook.terms.replay_share,
    )


def _files(step: str, outlook: Outlook, leaves: list[str]) -> dict[str, Artifact]:
    """Return the files of the steps before a step, by role; those of leaves whichever build has generated them."""
    data = {generating(path): outlook.data[path] for path in leaves if path in outlook.data}
    files: dict[str, Artifact] = {}
    for name in reads_files_of(step, [*data, *(name for name in outlook.done if name not in data)]):
        if name in data:
            files |= dict(data[name].roles())
        else:
            files |= made_by(name, outlook.jobs[name].life.outcome)
    return files


class Orders:
    """Writes orders. Raises the errors of `bot.github.errors`, ArtifactError and ContractError."""

    def __init__(
        self,
        builds: BuildStore,
        jobs: JobStore,
        releases: ReleaseStore,
        rows: ArtifactRows,
        artifacts: ArtifactStore,
        clock: Clock,
    ) -> None:
        self._builds = builds
        self._jobs = jobs
        self._releases = releases
        self._rows = rows
        self._artifacts = artifacts
        self._clock = clock

    async def of(self, job: StoredJob, outlook: Outlook, reader: PullReader) -> Artifact:
        """Return the order of a job, stored."""
        before = await self._before(outlook)
        more: dict[str, Artifact] = {}
        if job.request.step == PACKAGE:
            more[ATTRIBUTIONS] = await self._attributions(job, outlook, reader)
        # of ten thousand leaves it is megabytes: others go on meanwhile
        told = await asyncio.to_thread(lambda: order_of(job, outlook, before, more).to_json().encode())
        return await self._put(job, "order.json", told, ORDER_TYPE)

    async def _before(self, outlook: Outlook) -> Before:
        repository_id = outlook.build.repository_id
        last, pinned = await self._releases.last_good(repository_id), await self._releases.pinned(repository_id)
        gate = await self._last_gate(repository_id)
        return Before(
            last.published if last else None,
            pinned.published if pinned else None,
            gate.noise if gate else None,
            gate.noise_freedom if gate else 0,
        )

    async def _last_gate(self, repository_id: int) -> GateResult | None:
        build = await self._builds.last_good(repository_id)
        job = (await self._jobs.of_step([build.id], GATE)).get(build.id) if build else None
        outcome = job.life.outcome if job else None
        if outcome is None or outcome.result is None:
            return None
        return GateResult.from_json(await asyncio.to_thread(self._artifacts.get, outcome.result))

    async def _attributions(self, job: StoredJob, outlook: Outlook, reader: PullReader) -> Artifact:
        """Store the attribution files that the last release does not carry already.

        A step that is done again gets all of them: what that release carries may be damaged. Raises NoInputsError.
        """
        wanted = {leaf.attribution_sha for leaf in outlook.ordered(outlook.decide().left_out)}
        last = await self._releases.last_good(outlook.build.repository_id)
        build = await self._builds.get(last.build_id) if last else None
        if build is not None and job.life.attempt == 1:
            plan = await self._builds.plan_of(build)
            out = {leaf.path for leaf in plan.left_out_leaves}
            wanted -= {leaf.attribution_sha for leaf in plan.told.values() if leaf.path not in out}
        try:
            blobs = await reader.blobs(sorted(wanted - {""}))
        except NotFoundError:
            text = "GitHub no longer has an attribution file that was there when the build was planned."
            raise NoInputsError(f"{text} `nightly run --anew` plans it with what is there.", is_ours=True) from None
        return await self._put(job, "attributions.json", as_bundle(blobs), ATTRIBUTIONS_TYPE)

    async def _put(self, job: StoredJob, name: str, data: bytes, media_type: str) -> Artifact:
        stored = await asyncio.to_thread(self._artifacts.put, name, data, media_type)
        kept = KeptArtifact.told(stored, job.request.repository_id, 0, self._clock.now(), job.id)
        await self._rows.note([kept])
        return stored
