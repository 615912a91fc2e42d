"""What jobs need before they are queued, for every command that queues one."""

from __future__ import annotations

from bot.commands.registry import RefusedError
from bot.commands.situation import Effect, Fire, QueueJob, Situation
from bot.jobs import BUILDS_ON, Job, JobKind, of_kind_at
from bot.workflow import Trigger
from checks.findings import Outcome


def queued(situation: Situation, kind: JobKind) -> tuple[Effect, ...]:
    """Let the pull request through to the GPUs and queue a job at its head. Raises RefusedError.

    What it builds on is queued before it, unless that is done or under way.
    """
    refuse_unless_worth_computing(situation)
    chain = [kind]
    while (before := BUILDS_ON.get(chain[0])) and of_kind_at(situation.jobs, before, situation.head_sha) is None:
        chain.insert(0, before)
    return (Fire(Trigger.LET_THROUGH), *(QueueJob(each) for each in chain))


def refuse_unless_worth_computing(situation: Situation) -> None:
    """Raise RefusedError, with the reason, for a pull request that no GPU is to be spent on."""
    if not situation.is_open:
        raise RefusedError("This pull request is closed: nothing is computed for it.")
    if not situation.case.targets_default_branch:
        raise RefusedError("It is not for the branch that models are built from: nothing is computed for it.")
    if situation.outcome is not Outcome.PASSED:
        raise RefusedError("The checks have not passed on the newest commit: no GPU is spent on it yet.")
    if not situation.case.has_contribution:
        raise RefusedError("It changes no skill and no knowledge: there is nothing to compute.")


def job_named(situation: Situation, name: str, *, over: bool) -> Job:
    """Return the job with this number, or without one the newest that is (not) over. Raises RefusedError."""
    numbers = ", ".join(str(job.id) for job in situation.jobs) or "none"
    if name:
        found = [job for job in situation.jobs if str(job.id) == name.lstrip("#")]
        if not found:
            raise RefusedError(f"This pull request has no such job. Its jobs: {numbers}.")
        return found[0]
    fitting = [job for job in situation.jobs if job.state.is_over is over]
    if not fitting:
        raise RefusedError(f"No job of this pull request {'has ended' if over else 'is waiting or running'}.")
    return fitting[-1]
