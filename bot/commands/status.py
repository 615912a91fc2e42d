"""`/status`: how the pull request stands."""

from __future__ import annotations

from bot.commands.registry import command
from bot.commands.situation import Effect, Say, Situation
from bot.comments.escape import code
from bot.comments.jobs import job_in_full
from bot.roles import Role


@command(
    "status",
    usage="/status",
    summary="Say how this pull request stands, who acts next and what is being computed.",
    who=Role.OUTSIDER,
    examples=("/status",),
)
def status(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Say the state in words, everything that is missing, and the jobs."""
    if not situation.is_open:
        return (Say("This pull request is closed. Nobody has to act."),)
    lines = [situation.readiness.why]
    others = situation.readiness.obstacles[1:]
    if others:
        lines += ["\nAlso missing:\n", *(f"- {obstacle.text} ({obstacle.who})" for obstacle in others)]
    if situation.jobs:
        lines += ["\nJobs:\n", *(f"- {job_in_full(job)}" for job in situation.jobs)]
    shown = ", ".join(code(label) for label in sorted(situation.labels)) or "none"
    return (Say("\n".join((*lines, f"\nLabels: {shown}."))),)
