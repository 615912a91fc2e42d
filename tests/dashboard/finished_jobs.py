"""Jobs that have found something, as workers leave them: rows, and files in the artifact store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from bot.job_flow import Life
from bot.jobs import JobKind, JobRequest, JobState
from bot.store.jobs import JobStore
from bot.store.pull_requests import PullRequestStore
from bot.store.stored_jobs import StoredJob
from checks.contribution import Login, Sha
from pipeline.artifacts import ArtifactStore
from pipeline.contract import Ending, Message, Outcome
from tests.world import PullRequest, World


async def finishes(
    world: World,
    pr: PullRequest,
    kind: JobKind,
    result: Message | None = None,
    files: Mapping[str, Iterable[Any]] | None = None,
    state: JobState = JobState.SUCCEEDED,
) -> StoredJob:
    "A worker has done a job for the head of a pull request; `files` are lines of JSON by name."
    artifacts = ArtifactStore(world.settings.artifact_store_url)
    made = tuple(
        artifacts.put(name, b"".join(_line(row) for row in rows), "application/jsonl")
        for name, rows in (files or {}).items()
    )
    stored = artifacts.put("result.json", result.to_json().encode()) if result is not None else None
    async with world.database() as engine:
        memory = await PullRequestStore(engine).get(world.repo.id, pr.number)
        assert memory is not None
        store = JobStore(engine)
        request = JobRequest(
            world.repo.id,
            pr.number,
            kind,
            Sha(pr.pull.head_sha),
            1,
            Login("tess"),
            f"comment:{pr.number}{len(await store.of_pull(world.repo.id, pr.number))}:1",
            memory.content_digest,
        )
        job = await store.add(request, "gpu.eval", 1, world.clock.now())
        if not state.is_over:
            return job
        outcome = Outcome(Ending.SUCCEEDED, "done", stored, made)
        life = replace(Life(), state=state, outcome=outcome)
        assert await store.change(job.id, lambda each: each.living(life, world.clock.now()))
        found = await store.get(job.id)
    assert found is not None
    return found


def _line(row: Any) -> bytes:
    return row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n"
