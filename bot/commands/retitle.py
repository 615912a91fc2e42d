"""`/retitle`: another title."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, Retitle, Situation
from bot.roles import Role

_LONGEST = 200


@command(
    "retitle",
    usage="/retitle NEW TITLE",
    summary="Give the pull request another title.",
    who=Role.TRIAGER,
    author_too=True,
    examples=("/retitle Read values from tables",),
)
def retitle(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Change the title to the rest of the line."""
    if not 1 <= len(arguments) <= _LONGEST:
        raise RefusedError("Write the new title behind the command, at most 200 characters.")
    return (Retitle(arguments),)
