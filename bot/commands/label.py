"""`/label`: put a free label on."""

from __future__ import annotations

from bot.commands.registry import command
from bot.commands.situation import Effect, SetLabel, Situation
from bot.free_labels import free_label
from bot.roles import Role


@command(
    "label",
    usage="/label NAME",
    summary="Put a label on, one that is no state of the review.",
    who=Role.TRIAGER,
    examples=("/label good-first-contribution",),
)
def label(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Put a free label on."""
    return (SetLabel(free_label(arguments), on=True),)
