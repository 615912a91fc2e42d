"""`/hold`: keep this pull request from being merged."""

from __future__ import annotations

from bot.commands.registry import command
from bot.commands.situation import Effect, Fire, Situation
from bot.labels import Label
from bot.roles import Role
from bot.workflow import Trigger


@command(
    "hold",
    usage="/hold [why]",
    summary="Keep this pull request from being merged.",
    who=Role.TRIAGER,
    labels=((Label.HOLD, True),),
    examples=("/hold", "/hold wait for the new source"),
)
def hold(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Keep this pull request from being merged."""
    return (Fire(Trigger.HOLD),)
