"""`/triage-approve`: say that triage is satisfied: an approver decides next."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Approve, Effect, Fire, Situation
from bot.labels import Label
from bot.roles import Role
from bot.store.approvals import ApprovalKind
from bot.workflow import Trigger
from checks.findings import Outcome


@command(
    "triage-approve",
    usage="/triage-approve",
    summary="Say that triage is satisfied: an approver decides next.",
    who=Role.TRIAGER,
    about_content=True,
    labels=((Label.TRIAGE_APPROVED, True),),
    examples=("/triage-approve",),
)
def triage_approve(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Triage signs off what was seen."""
    if situation.outcome is not Outcome.PASSED:
        raise RefusedError("The checks have not passed on the newest commit, so triage cannot sign it off yet.")
    if situation.actor_is_author:
        raise RefusedError("This is your own pull request: another triager has to sign it off.")
    return (Fire(Trigger.TRIAGE_APPROVE), Approve(ApprovalKind.TRIAGE))
