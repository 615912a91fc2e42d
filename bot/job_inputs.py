"""What a job is given: the contribution's files at its commit, stored. Workers need no GitHub."""

from __future__ import annotations

import asyncio
import json

import structlog

from bot.clock import Clock
from bot.facts import gather
from bot.github.client import GitHubApp
from bot.github.errors import GitHubError
from bot.github.pulls import PullReader
from bot.policies import Policies
from bot.store.artifacts import ArtifactRows, KeptArtifact
from bot.store.jobs import StoredJob
from bot.store.repositories import RepositoryStore
from pipeline.artifacts import ArtifactStore
from pipeline.contract import Artifact

log = structlog.get_logger()

CONTRIBUTION = "contribution"


class InputsError(GitHubError):
    """The files of a job's commit cannot be had."""


class JobInputs:
    """Gathers and stores the inputs of jobs."""

    def __init__(
        self,
        app: GitHubApp,
        policies: Policies,
        repositories: RepositoryStore,
        rows: ArtifactRows,
        artifacts: ArtifactStore,
        clock: Clock,
        *,
        most_commits: int,
    ) -> None:
        self._app = app
        self._policies = policies
        self._repositories = repositories
        self._rows = rows
        self._artifacts = artifacts
        self._clock = clock
        self._most_commits = most_commits

    async def of(self, job: StoredJob) -> dict[str, Artifact]:
        """Return the job's inputs by their role. Raises GitHubError when they cannot be had now."""
        request = job.request
        origin = await self._repositories.origin_of(request.repository_id)
        if origin is None:
            raise InputsError("the repository is not known")
        reader = PullReader(self._app.installation(origin.installation_id), origin.full_name)
        pull = await reader.pull(request.number)
        if pull.head_sha != request.head_sha:
            raise InputsError("the commit is no longer the head")
        policy = await self._policies.of(reader, request.repository_id, pull)
        facts = await gather(reader, pull, policy, most_commits=self._most_commits)
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
        return {CONTRIBUTION: stored}
