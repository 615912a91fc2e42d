"""`/reopen`: open it again."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, SetOpen, Situation
from bot.roles import Role


@command(
    "reopen",
    usage="/reopen",
    summary="Open a closed pull request again.",
    who=Role.TRIAGER,
    author_too=True,
    examples=("/reopen",),
)
def reopen(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Open it again."""
    if situation.is_open:
        raise RefusedError("This pull request is open.")
    if situation.is_merged:
        raise RefusedError("This pull request is merged; it cannot be opened again.")
    if situation.role < Role.TRIAGER and situation.closed_by_id not in (0, situation.actor_id):
        raise RefusedError("Somebody else closed it, so a triager has to open it again; `/question` calls one.")
    return (SetOpen(is_open=True),)
