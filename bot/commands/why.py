"""`/why`: the shortest true answer to "why is this not merged yet"."""

from __future__ import annotations

from bot.commands.registry import command
from bot.commands.situation import Effect, Say, Situation
from bot.roles import Role


@command(
    "why",
    usage="/why",
    summary="Say why this is not merged yet, and who acts next.",
    who=Role.OUTSIDER,
    examples=("/why",),
)
def why(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Say the first thing that is missing, in one line."""
    return (Say(situation.readiness.why),)
