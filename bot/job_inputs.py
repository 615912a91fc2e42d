"""What a job is given: the contribution's files at its commit, its documents. Workers need no GitHub."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from bot.clock import Clock
from bot.facts import gather
from bot.github.client import GitHubApp
from bot.github.errors import GitHubError
from bot.github.pulls import PullReader
from bot.job_documents import JobDocuments, NoInputsError, NotYetError
from bot.jobs import BUILDS_ON, JobKind, JobState
from bot.policies import Policies
from bot.settings import BotSettings
from bot.store.artifacts import ArtifactRows, KeptArtifact
from bot.store.jobs import JobStore
from bot.store.repositories import RepositoryStore
from bot.store.stored_jobs import StoredJob
from checks.contribution import ChangedFile, is_leaf, read_leaf
from checks.documents import DocumentReach, reference_of
from checks.policy import Policy
from pipeline.artifacts import ArtifactStore
from pipeline.contract import Artifact

log = structlog.get_logger()

CONTRIBUTION = "contribution"
MADE = "made:"  # roles of what the job that this one builds on has made: this, and the file's name
MADE_RESULT = "made"  # and its result
DOCUMENT = "document:"  # roles of the documents of a leaf: this, and the leaf's path
LEAST_SAMPLES = "least_samples"


@dataclass(frozen=True, slots=True)
class Material:
    """What goes to the worker: artifacts by their role, and plain settings of the community."""

    inputs: dict[str, Artifact]
    settings: dict[str, str | int | float | bool] = field(default_factory=dict)


class InputsError(GitHubError):
    """What a job needs cannot be had now."""


class JobInputs:
    """Gathers and stores the inputs of jobs."""

    def __init__(
        self,
        app: GitHubApp,
        policies: Policies,
        repositories: RepositoryStore,
        rows: ArtifactRows,
        artifacts: ArtifactStore,
        documents: JobDocuments,
        jobs: JobStore,
        clock: Clock,
        settings: BotSettings,
    ) -> None:
        self._app = app
        self._policies = policies
        self._repositories = repositories
        self._rows = rows
        self._artifacts = artifacts
        self._documents = documents
        self._jobs = jobs
        self._clock = clock
        self._settings = settings

    async def of(self, job: StoredJob) -> Material:
        """Return what a job is given. Raises GitHubError when it cannot be had now, NoInputsError when never."""
        request = job.request
        made = await self._made_before(job)
        origin = await self._repositories.origin_of(request.repository_id)
        if origin is None:
            raise InputsError("the repository is not known")
        reader = PullReader(self._app.installation(origin.installation_id), origin.full_name)
        pull = await reader.pull(request.number)
        if pull.head_sha != request.head_sha:
            raise InputsError("the commit is no longer the head")
        policy = await self._policies.of(reader, request.repository_id, pull)
        facts = await gather(reader, pull, policy, most_commits=self._settings.max_commits)
        if facts.unreadable or facts.refusals:
            raise InputsError("the files of the commit cannot be read in full")
        texts = {
            file.path: file.content.decode("utf-8", "replace")
            for file in facts.files
            if file.in_taxonomy and file.content is not None
        }
        body = json.dumps(texts, ensure_ascii=False, sort_keys=True).encode()
        stored = await asyncio.to_thread(self._artifacts.put, "contribution.json", body, "application/json")
        kept = KeptArtifact.told(stored, request.repository_id, request.number, self._clock.now(), job.id)
        await self._rows.note([kept])
        if request.kind is not JobKind.GENERATE:
            return Material({CONTRIBUTION: stored, **made})
        inputs = {CONTRIBUTION: stored, **await self.documents_of(job, facts.files, policy)}
        return Material(inputs, {LEAST_SAMPLES: policy.generation.least_samples})

    async def _made_before(self, job: StoredJob) -> dict[str, Artifact]:
        """Return what the newest job has made that this one builds on, of the same content."""
        request = job.request
        kind = BUILDS_ON.get(request.kind)
        if kind is None:
            return {}
        of_pull = await self._jobs.of_pull(request.repository_id, request.number)
        fitting = [
            each
            for each in of_pull
            if each.request.kind is kind and each.request.is_about(request.head_sha, request.content_digest)
        ]
        if not fitting:
            text = f"It builds on `{kind}`, which nobody has asked for. `/{request.kind}` asks for both."
            raise NoInputsError(text, is_ours=False)
        before = max(fitting, key=lambda each: each.id)
        if not before.life.state.is_over:
            raise InputsError(f"job {before.id} ({kind}) is not done yet")
        if before.life.state is not JobState.SUCCEEDED:
            text = f"It builds on job {before.id} ({kind}), which came to nothing ({before.life.state})."
            said = f" {before.life.message}" if before.life.message else ""
            is_ours = before.life.state is not JobState.FAILED_BY_CONTRIBUTION
            raise NoInputsError(f"{text}{said} `/{request.kind}` asks for both anew.", is_ours=is_ours)
        outcome = before.life.outcome
        made = {f"{MADE}{each.name}": each for each in (outcome.artifacts if outcome else ())}
        return made | ({MADE_RESULT: outcome.result} if outcome and outcome.result else {})

    async def documents_of(
        self, job: StoredJob, files: Iterable[ChangedFile], policy: Policy
    ) -> dict[str, Artifact]:
        """Return the documents of the knowledge leaves; all are begun to be fetched before one is waited for.

        Raises InputsError while they are, NoInputsError when they cannot be had.
        """
        reach = DocumentReach.of(policy, self._settings.document_networks, self._settings.document_ca_file)
        found, waiting = {}, ""
        for leaf in (read_leaf(file) for file in files if is_leaf(file)):
            reference = reference_of(leaf) if leaf.is_knowledge else None
            if reference is None:
                continue
            try:
                found[f"{DOCUMENT}{leaf.path}"] = await self._documents.of(job, reference, reach)
            except NotYetError as error:
                waiting = str(error)
        if waiting:
            raise InputsError(waiting)
        return found
