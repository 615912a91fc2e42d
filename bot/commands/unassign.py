"""`/unassign`: take somebody off again."""

from __future__ import annotations

from bot.commands.registry import command
from bot.commands.situation import Assign, Effect, Situation
from bot.people_names import login_named
from bot.roles import Role


@command(
    "unassign",
    usage="/unassign [@user]",
    summary="Take somebody, or yourself, off again.",
    who=Role.TRIAGER,
    examples=("/unassign", "/unassign @tess"),
)
def unassign(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Take an assignment back."""
    return (Assign(login_named(situation, arguments), on=False),)
