"""`/request-changes`: the author has to change something."""

from __future__ import annotations

from bot.commands.registry import command
from bot.commands.situation import Effect, Fire, Say, Situation
from bot.comments.escape import prose
from bot.labels import Label
from bot.roles import Role
from bot.workflow import Trigger


@command(
    "request-changes",
    usage="/request-changes [what]",
    summary="Ask the author to change something.",
    who=Role.TRIAGER,
    about_content=True,
    labels=((Label.CHANGES_REQUESTED, True),),
    examples=("/request-changes please name the source of the third answer",),
)
def request_changes(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Pass the turn to the author, with the request in words if there is one."""
    asked = f" What is asked for: {prose(arguments)}" if arguments else " The comment above says what is asked for."
    text = f"A triager asks you for a change.{asked}\n\nPush to this branch when done; triage looks again then."
    return (Fire(Trigger.REQUEST_CHANGES), Say(text))
