"""`/precheck`: ask the base model the seed questions: does it know this already?"""

from __future__ import annotations

from bot.commands.registry import command
from bot.commands.situation import Effect, Situation
from bot.compute import queued
from bot.jobs import JobKind
from bot.roles import Role


@command(
    "precheck",
    usage="/precheck [SHA]",
    summary="Ask the base model the seed questions: does it know this already?",
    who=Role.TRIAGER,
    about_content=True,
    examples=("/precheck",),
)
def precheck(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Queue the job for the commit that was seen."""
    return queued(situation, JobKind.PRECHECK)
