"""`/close`: close the pull request."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, SetOpen, Situation
from bot.roles import Role


@command(
    "close",
    usage="/close",
    summary="Close the pull request without merging it.",
    who=Role.TRIAGER,
    author_too=True,
    examples=("/close",),
)
def close(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Close it."""
    if not situation.is_open:
        raise RefusedError("This pull request is closed already.")
    return (SetOpen(is_open=False),)
