"""`/evaluate`: let it through to the GPUs, tune an adapter on it and measure what that changes."""

from __future__ import annotations

from bot.commands.registry import command
from bot.commands.situation import Effect, Situation
from bot.compute import queued
from bot.jobs import JobKind
from bot.roles import Role


@command(
    "evaluate",
    usage="/evaluate [SHA]",
    summary="Let it through to the GPUs, tune an adapter on it and measure what that changes.",
    who=Role.TRIAGER,
    about_content=True,
    examples=("/evaluate",),
)
def evaluate(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Queue the job for the commit that was seen."""
    return queued(situation, JobKind.EVALUATE)
