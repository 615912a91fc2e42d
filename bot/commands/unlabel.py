"""`/unlabel`: take a free label off."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, SetLabel, Situation
from bot.comments.escape import code
from bot.free_labels import free_label
from bot.roles import Role


@command(
    "unlabel",
    usage="/unlabel NAME",
    summary="Take a label off, one that is no state of the review.",
    who=Role.TRIAGER,
    examples=("/unlabel good-first-contribution",),
)
def unlabel(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Take a free label off."""
    name = free_label(arguments)
    if name not in situation.labels:
        raise RefusedError(f"The label {code(name)} is not on this pull request.")
    return (SetLabel(name, on=False),)
