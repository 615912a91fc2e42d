"""What jobs found out, read from the artifacts that their workers stored."""

from __future__ import annotations

import asyncio

import structlog

from bot.jobs import JobKind, JobState
from bot.store.stored_jobs import StoredJob
from pipeline.artifacts import ArtifactError, ArtifactStore
from pipeline.contract import ContractError
from pipeline.evaluation_results import EvaluateResult, SeedCheckResult
from pipeline.results import GenerateResult

log = structlog.get_logger()

JobResult = GenerateResult | EvaluateResult | SeedCheckResult

_KINDS: dict[JobKind, type[GenerateResult] | type[EvaluateResult] | type[SeedCheckResult]] = {
    JobKind.PRECHECK: SeedCheckResult,
    JobKind.GENERATE: GenerateResult,
    JobKind.EVALUATE: EvaluateResult,
    JobKind.POSTCHECK: SeedCheckResult,
}
_HAVE_RESULTS = (JobState.SUCCEEDED, JobState.FAILED_BY_CONTRIBUTION)


async def result_of(job: StoredJob, artifacts: ArtifactStore) -> JobResult | None:
    """Return what a job found out; None where it found nothing, or where that cannot be read (which is logged)."""
    outcome, kind = job.life.outcome, _KINDS.get(job.request.kind)
    if job.life.state not in _HAVE_RESULTS or outcome is None or outcome.result is None or kind is None:
        return None
    try:
        return kind.from_json(await asyncio.to_thread(artifacts.get, outcome.result))
    except (ArtifactError, ContractError) as error:
        log.error("jobs.result_unreadable", job=job.id, error=str(error))
        return None
