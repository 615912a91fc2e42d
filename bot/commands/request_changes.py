"""`/request-changes`: the author has to change something."""

from __future__ import annotations

from bot.commands.registry import command
from bot.commands.situation import Effect, Fire, Say, Situation
from bot.comments.escape import prose
from bot.labels import Label
from bot.ready_texts import REQUESTS, change_requested
from bot.roles import Role
from bot.workflow import Trigger


@command(
    "request-changes",
    usage="/request-changes [what]",
    summary=f"Ask the author to change something, in your words or in ready ones: {', '.join(REQUESTS)}.",
    who=Role.TRIAGER,
    about_content=True,
    labels=((Label.CHANGES_REQUESTED, True),),
    examples=("/request-changes please name the source of the third answer", "/request-changes no-attribution"),
)
def request_changes(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Pass the turn to the author, with the request in words if there is one."""
    text = f"A triager asks you for a change.{_asked(situation, arguments)}"
    text += "\n\nPush to this branch when done; triage looks again then."
    return (Fire(Trigger.REQUEST_CHANGES), Say(text))


def _asked(situation: Situation, arguments: str) -> str:
    named, _, sentence = arguments.strip().partition(" ")
    if (name := named.lower().rstrip(":,")) in REQUESTS:
        return f"\n\n{change_requested(name, sentence.strip(), situation.policy.messages.rules_url)}"
    return f" What is asked for: {prose(arguments)}" if arguments else " The comment above says what is asked for."
