"""`/generate`: let it through to the GPUs and generate synthetic data of it."""

from __future__ import annotations

from bot.commands.registry import command
from bot.commands.situation import Effect, Situation
from bot.compute import queued
from bot.jobs import JobKind
from bot.labels import Label
from bot.roles import Role


@command(
    "generate",
    usage="/generate [SHA]",
    summary="Let it through to the GPUs and generate synthetic data of it.",
    who=Role.TRIAGER,
    about_content=True,
    labels=((Label.GENERATE_READY, True),),
    examples=("/generate",),
)
def generate(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Queue the job for the commit that was seen."""
    return queued(situation, JobKind.GENERATE)
