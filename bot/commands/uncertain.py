"""`/uncertain`: ask the triage team: you are not sure."""

from __future__ import annotations

from bot.commands.registry import command
from bot.commands.situation import Effect, Fire, Situation
from bot.labels import Label
from bot.roles import Role
from bot.workflow import Trigger


@command(
    "uncertain",
    usage="/uncertain [why]",
    summary="Ask the triage team: you are not sure.",
    who=Role.TRIAGER,
    labels=((Label.UNCERTAIN, True),),
    examples=("/uncertain is this topic covered already?",),
)
def uncertain(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Hand the question to the team."""
    return (Fire(Trigger.CALL_UNCERTAIN),)
