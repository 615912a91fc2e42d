"""`/check`: run the checks again."""

from __future__ import annotations

from bot.commands.registry import command
from bot.commands.situation import Effect, JudgeAgain, Situation
from bot.roles import Role


@command(
    "check",
    usage="/check",
    summary="Run the checks again on the newest commit.",
    who=Role.TRIAGER,
    author_too=True,
    examples=("/check",),
)
def check(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Judge the pull request again."""
    return (JudgeAgain(),)
