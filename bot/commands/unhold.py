"""`/unhold`: lift a hold."""

from __future__ import annotations

from bot.commands.registry import command
from bot.commands.situation import Effect, Fire, Situation
from bot.labels import Label
from bot.roles import Role
from bot.workflow import Trigger


@command(
    "unhold",
    usage="/unhold",
    summary="Lift a hold.",
    who=Role.TRIAGER,
    labels=((Label.HOLD, False),),
    examples=("/unhold",),
)
def unhold(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Lift a hold."""
    return (Fire(Trigger.UNHOLD),)
