"""`/postcheck`: ask the tuned model the questions of the precheck."""

from __future__ import annotations

from bot.commands.registry import command
from bot.commands.situation import Effect, Situation
from bot.compute import queued
from bot.jobs import JobKind
from bot.roles import Role


@command(
    "postcheck",
    usage="/postcheck [SHA]",
    summary="Ask the tuned model the questions of the precheck.",
    who=Role.TRIAGER,
    about_content=True,
    examples=("/postcheck",),
)
def postcheck(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Queue the job for the commit that was seen."""
    return queued(situation, JobKind.POSTCHECK)
