"""`/retry`: queue a job anew that came to nothing."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, Fire, RetryJob, Situation
from bot.compute import job_named, refuse_unless_worth_computing
from bot.roles import Role
from bot.workflow import Trigger


@command(
    "retry",
    usage="/retry [JOB]",
    summary="Queue a job anew that came to nothing; only what had failed of it is done again.",
    who=Role.TRIAGER,
    about_content=True,
    examples=("/retry", "/retry 12"),
)
def retry(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Queue the newest job that came to nothing, or the one that is named."""
    job = job_named(situation, arguments, over=True)
    if not job.state.is_over:
        raise RefusedError(f"Job {job.id} is not over: {job.state}. `/cancel {job.id}` ends it.")
    if not job.state.is_retriable:
        raise RefusedError(f"Job {job.id} has nothing to retry: {job.state}.")
    if job.request.head_sha != situation.head_sha:
        raise RefusedError(
            f"Job {job.id} was for an older commit: `/{job.request.kind}` starts one for the newest."
        )
    refuse_unless_worth_computing(situation)
    return (Fire(Trigger.LET_THROUGH), RetryJob(job.id))
