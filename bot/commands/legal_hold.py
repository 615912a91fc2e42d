"""`/legal-hold`: have a maintainer look at the licence or the source."""

from __future__ import annotations

from bot.commands.registry import command
from bot.commands.situation import Effect, Fire, Situation
from bot.labels import Label
from bot.roles import Role
from bot.workflow import Trigger


@command(
    "legal-hold",
    usage="/legal-hold [why]",
    summary="Have a maintainer look at the licence or the source.",
    who=Role.TRIAGER,
    label=(Label.LEGAL_HOLD, True),
    examples=("/legal-hold is this edition free?",),
)
def legal_hold(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Have a maintainer look at the licence or the source."""
    return (Fire(Trigger.LEGAL_HOLD),)
