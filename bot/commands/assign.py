"""`/assign`: make somebody look after it."""

from __future__ import annotations

from bot.commands.registry import command
from bot.commands.situation import Assign, Effect, Situation
from bot.people_names import login_named
from bot.roles import Role


@command(
    "assign",
    usage="/assign [@user]",
    summary="Make somebody, or yourself, look after this pull request.",
    who=Role.TRIAGER,
    examples=("/assign", "/assign @tess"),
)
def assign(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Assign a person."""
    return (Assign(login_named(situation, arguments), on=True),)
