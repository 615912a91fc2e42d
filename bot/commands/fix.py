"""`/fix`: what can be put right mechanically."""

from __future__ import annotations

from bot.commands.registry import command
from bot.commands.situation import Effect, ShowFixes, Situation
from bot.roles import Role


@command(
    "fix",
    usage="/fix",
    summary="Offer what can be put right mechanically, ready to paste.",
    who=Role.TRIAGER,
    author_too=True,
    examples=("/fix",),
)
def fix(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Offer the mechanical fixes of the newest commit."""
    return (ShowFixes(),)
