"""`/fix`: put right what is mechanical."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, PutRight, Situation
from bot.roles import Role


@command(
    "fix",
    usage="/fix",
    summary="Put right what is mechanical, by a commit; where I may not push, offer it to paste.",
    who=Role.TRIAGER,
    author_too=True,
    examples=("/fix",),
)
def fix(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Put right what is mechanical at the newest commit."""
    if not situation.is_open:
        raise RefusedError("This pull request is closed: there is nothing to put right.")
    return (PutRight(),)
