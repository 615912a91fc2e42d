"""`/cancel`: end jobs that wait or run."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, EndJobs, Fire, Situation
from bot.compute import job_named
from bot.jobs import JobState
from bot.labels import Label
from bot.roles import Role
from bot.workflow import Trigger


@command(
    "cancel",
    usage="/cancel [JOB]",
    summary="Cancel a job of this pull request, or all of them.",
    who=Role.TRIAGER,
    author_too=True,
    labels=((Label.GENERATE_READY, False),),
    examples=("/cancel", "/cancel 12"),
)
def cancel(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """End one job, or all that are not over."""
    if situation.label_set is False:
        return (Fire(Trigger.WITHDRAW),)
    job = job_named(situation, arguments, over=False)
    if not arguments:
        return (EndJobs(JobState.CANCELLED),)
    if job.state.is_over:
        raise RefusedError(f"Job {job.id} is over already: {job.state}.")
    return (EndJobs(JobState.CANCELLED, job.id),)
