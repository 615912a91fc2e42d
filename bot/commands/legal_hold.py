"""`/legal-hold`: have a maintainer look at the licence or the source."""

from __future__ import annotations

from bot.commands.registry import command
from bot.commands.situation import Effect, SetLabel, Situation
from bot.roles import Role
from bot.workflow import Label


@command(
    "legal-hold",
    usage="/legal-hold [why]",
    summary="Have a maintainer look at the licence or the source.",
    who=Role.TRIAGER,
    examples=("/legal-hold is this edition free?",),
)
def legal_hold(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Have a maintainer look at the licence or the source."""
    return (SetLabel(Label.LEGAL_HOLD, on=True),)
