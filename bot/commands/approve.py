"""`/approve`: an approver wants the contribution merged."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Approve, Effect, Situation, Withdraw
from bot.roles import Role
from bot.store.approvals import ApprovalKind
from checks.findings import Outcome


@command(
    "approve",
    usage="/approve [SHA] | /approve cancel",
    summary="Stand behind the contribution as it is; with everything else in order, it is merged.",
    who=Role.APPROVER,
    about_content=True,
    weighty=True,
    cancels=True,
    examples=("/approve", "/approve 1a2b3c4", "/approve cancel"),
)
def approve(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Approve what was seen, or take one's own approval back."""
    if arguments.lower() == "cancel":
        return (Withdraw(ApprovalKind.APPROVE),)
    if situation.actor_is_author:
        raise RefusedError("This is your own pull request: another approver has to approve it.")
    if situation.actor.lower() in situation.case.commit_authors:
        raise RefusedError("Commits of yours are in it: somebody else has to look at them.")
    if not situation.is_open:
        raise RefusedError("This pull request is closed.")
    if situation.outcome is not Outcome.PASSED:
        raise RefusedError("The checks have not passed on the newest commit, so it cannot be approved yet.")
    if not situation.case.has_contribution:
        raise RefusedError("It changes no skill and no knowledge: two maintainers decide, by `/lgtm`.")
    return (Approve(ApprovalKind.APPROVE),)
