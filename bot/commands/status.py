"""`/status`: how the pull request stands."""

from __future__ import annotations

from bot.commands.registry import command
from bot.commands.situation import Effect, Say, Situation
from bot.comments.escape import code
from bot.comments.jobs import jobs_in_full
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
        closed = "This pull request is closed. Nobody has to act."
        jobs = ["\nJobs:\n", *jobs_in_full(situation.jobs)] if situation.jobs else []
        return (Say("\n".join((closed, *jobs))),)
    lines = [situation.readiness.why]
    others = situation.readiness.obstacles[1:]
    if others:
        lines += ["\nAlso missing:\n", *(f"- {obstacle.text} ({obstacle.who})" for obstacle in others)]
    if situation.jobs:
        lines += ["\nJobs:\n", *jobs_in_full(situation.jobs)]
    shown = ", ".join(code(label) for label in sorted(situation.labels)) or "none"
    return (Say("\n".join((*lines, f"\nLabels: {shown}."))),)
