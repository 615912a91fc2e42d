"""What the step of a build is given: its order; for generating what a pull request's job is given, of one leaf."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable

import structlog

from bot.clock import Clock
from bot.github.client import GitHubApp
from bot.github.errors import NotFoundError
from bot.github.listings import place_of
from bot.github.pulls import PullReader
from bot.job_documents import NoInputsError
from bot.job_inputs import CONTRIBUTION, LEAST_SAMPLES, InputsError, Material
from bot.jobs import JobKind
from bot.nightly.builds import Build
from bot.nightly.orders import Orders
from bot.nightly.outlook import Outlook, OutlookRoom
from bot.nightly.plan import KeptLeaf
from bot.policies import Policies
from bot.store.artifacts import ArtifactRows, KeptArtifact
from bot.store.builds import BuildStore
from bot.store.repositories import RepositoryStore
from bot.store.stored_jobs import StoredJob
from checks.contribution import ATTRIBUTION_FILE, LEAF_FILE, ChangedFile, FileStatus
from checks.policy import Policy
from pipeline.artifacts import ArtifactStore
from pipeline.build_orders import ORDER, generating
from pipeline.contract import Artifact

log = structlog.get_logger()

_MOST_BYTES = 32 * 1024**2  # of a leaf's files

DocumentsOf = Callable[[StoredJob, Iterable[ChangedFile], Policy], Awaitable[dict[str, Artifact]]]


class StepInputs:
    """Gathers and stores the inputs of steps."""

    def __init__(
        self,
        app: GitHubApp,
        policies: Policies,
        repositories: RepositoryStore,
        builds: BuildStore,
        rooms: OutlookRoom,
        orders: Orders,
        rows: ArtifactRows,
        artifacts: ArtifactStore,
        documents_of: DocumentsOf,
        clock: Clock,
    ) -> None:
        self._app = app
        self._policies = policies
        self._repositories = repositories
        self._builds = builds
        self._rooms = rooms
        self._orders = orders
        self._rows = rows
        self._artifacts = artifacts
        self._documents_of = documents_of
        self._clock = clock

    async def of(self, job: StoredJob) -> Material:
        """Return what a step is given.

        Raises GitHubError and ArtifactError when it cannot be had now, NoInputsError when never.
        """
        request = job.request
        build = await self._builds.get(request.build_id)
        origin = await self._repositories.origin_of(request.repository_id)
        if build is None or origin is None:
            raise InputsError("the build, or its repository, is not known")
        reader = PullReader(self._app.installation(origin.installation_id), origin.full_name)
        if request.kind is JobKind.GENERATE:
            place = await place_of(self._app.installation(origin.installation_id), request.repository_id)
            policy = await self._policies.of_branch(reader, request.repository_id, place.default_branch)
            return await self._of_leaf(job, await self._leaf_of(job, build), reader, policy)
        outlook = await self._rooms.of(build)
        if request.kind is JobKind.MIX:
            await self._verify_data(outlook)
        return Material({ORDER: await self._orders.of(job, outlook, reader)})

    async def _verify_data(self, outlook: Outlook) -> None:
        """See that the data of all leaves are there. Raises InputsError while some are generated anew."""
        if lost := await self._rooms.forget_lost(outlook):
            log.warning("nightly.data_lost", build=outlook.build.name, leaves=len(lost), first=lost[0])
            if any(generating(path) in outlook.jobs for path in lost):
                text = f"What this build has generated from {lost[0]} is no longer in the artifact store."
                raise NoInputsError(
                    f"{text} Is it the one that its workers use, and cleaned up by us?", is_ours=True
                )
            raise InputsError(f"the data of {len(lost)} leaves are no longer there: they are generated from anew")
        if outlook.waits_for_data:
            raise InputsError("data of leaves are still to come")

    async def _leaf_of(self, job: StoredJob, build: Build) -> KeptLeaf:
        plan = await self._rooms.plan_of(build)
        leaf = plan.told.get(job.request.step.removeprefix(generating("")))
        if leaf is None:
            raise NoInputsError("The plan of its build does not name this leaf.", is_ours=True)
        return leaf

    async def _of_leaf(self, job: StoredJob, leaf: KeptLeaf, reader: PullReader, policy: Policy) -> Material:
        """Return what generating from a leaf needs, with what its blobs hold, wherever the branch is by now."""
        blobs = {f"{leaf.path}/{LEAF_FILE}": leaf.qna_sha}
        if leaf.attribution_sha:
            blobs[f"{leaf.path}/{ATTRIBUTION_FILE}"] = leaf.attribution_sha
        try:
            found = await reader.blobs(blobs.values())
        except NotFoundError:
            text = "GitHub no longer has what this leaf held when the build was planned."
            raise NoInputsError(text, is_ours=True) from None
        if sum(map(len, found.values())) > _MOST_BYTES:
            raise NoInputsError("Its files are larger than anything that is read.", is_ours=False)
        texts = {path: found[sha].decode("utf-8", "replace") for path, sha in blobs.items()}
        body = json.dumps(texts, ensure_ascii=False, sort_keys=True).encode()
        stored = await asyncio.to_thread(self._artifacts.put, "contribution.json", body, "application/json")
        kept = KeptArtifact.told(stored, job.request.repository_id, 0, self._clock.now(), job.id)
        await self._rows.note([kept])
        files = [ChangedFile(path, FileStatus.ADDED, content=found[sha]) for path, sha in blobs.items()]
        inputs = {CONTRIBUTION: stored, **await self._documents_of(job, files, policy)}
        return Material(inputs, {LEAST_SAMPLES: policy.generation.least_samples})
