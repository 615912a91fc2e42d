"""`/unhold`: lift a hold."""

from __future__ import annotations

from bot.commands.registry import command
from bot.commands.situation import Effect, SetLabel, Situation
from bot.roles import Role
from bot.workflow import Label


@command(
    "unhold",
    usage="/unhold",
    summary="Lift a hold.",
    who=Role.TRIAGER,
    examples=("/unhold",),
)
def unhold(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Lift a hold."""
    return (SetLabel(Label.HOLD, on=False),)
