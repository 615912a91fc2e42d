"""`/legal-hold`: a maintainer has to look at the licence or the source."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, Fire, Situation
from bot.labels import Label
from bot.roles import Role
from bot.workflow import Trigger


@command(
    "legal-hold",
    usage="/legal-hold [why] | /legal-hold cancel",
    summary="Have a maintainer look at the licence or the source; a maintainer cancels it.",
    who=Role.TRIAGER,
    labels=((Label.LEGAL_HOLD, True), (Label.LEGAL_HOLD, False)),
    cancels=True,
    examples=("/legal-hold is this edition free?", "/legal-hold cancel"),
)
def legal_hold(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Hold it up for legal reasons, or clear it."""
    if arguments.lower() != "cancel" and situation.label_set is not False:
        return (Fire(Trigger.LEGAL_HOLD),)
    if situation.role < Role.MAINTAINER:
        raise RefusedError("Only a maintainer may clear a licence or a source.")
    return (Fire(Trigger.LEGAL_CLEAR),)
