"""`/triage-approve`: say that triage is satisfied: an approver decides next."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, MoveTo, Situation
from bot.roles import Role
from bot.workflow import Label
from checks.findings import Outcome


@command(
    "triage-approve",
    usage="/triage-approve",
    summary="Say that triage is satisfied: an approver decides next.",
    who=Role.TRIAGER,
    about_content=True,
    examples=("/triage-approve",),
)
def triage_approve(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Triage signs off what was seen."""
    if situation.outcome is not Outcome.PASSED:
        raise RefusedError("The checks have not passed on the newest commit, so triage cannot sign it off yet.")
    if situation.actor_is_author:
        raise RefusedError("This is your own pull request: another triager has to sign it off.")
    return (MoveTo(Label.TRIAGE_APPROVED),)
