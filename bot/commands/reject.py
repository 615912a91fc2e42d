"""`/reject`: the contribution cannot be accepted."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, Fire, Say, Situation
from bot.comments.escape import code, prose
from bot.labels import Label
from bot.roles import Role
from bot.workflow import Trigger


@command(
    "reject",
    usage="/reject REASON",
    summary="Say that the contribution cannot be accepted, and why. An approver closes it.",
    who=Role.TRIAGER,
    about_content=True,
    labels=((Label.REJECTED, True),),
    examples=("/reject the model knows this already, see the precheck",),
)
def reject(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Reject with a reason; without one it is refused."""
    if situation.label_set:
        text = (
            "Thank you for the work you put into this. A triager has decided, by a label, that it cannot be "
            "accepted. The reason will follow in a comment; `/question` calls a person.\n\n"
            f"{code(situation.actor)}: please tell the author why, by `/reject REASON`."
        )
        return (Fire(Trigger.REJECT), Say(text))
    if not arguments:
        raise RefusedError("A rejection needs a reason that its author can learn from: `/reject REASON`.")
    text = (
        f"Thank you for the work you put into this. Triage cannot accept it: {prose(arguments)}\n\n"
        "An approver will close this pull request. If you see it otherwise, `/question` calls a person."
    )
    return (Fire(Trigger.REJECT), Say(text))
