"""`/lgtm`: a maintainer wants a change merged that is no contribution."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Approve, Effect, Situation, Withdraw
from bot.roles import Role
from bot.store.approvals import ApprovalKind


@command(
    "lgtm",
    usage="/lgtm [SHA] | /lgtm cancel",
    summary="Stand behind a change of code, rules or documentation; two maintainers are needed.",
    who=Role.MAINTAINER,
    about_content=True,
    weighty=True,
    cancels=True,
    examples=("/lgtm", "/lgtm cancel"),
)
def lgtm(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Approve what was seen, or take one's own approval back."""
    if arguments.lower() == "cancel":
        return (Withdraw(ApprovalKind.LGTM),)
    if situation.actor_is_author:
        raise RefusedError("This is your own pull request: other maintainers have to look at it.")
    if situation.actor.lower() in situation.case.commit_authors:
        raise RefusedError("Commits of yours are in it: somebody else has to look at them.")
    if not situation.is_open:
        raise RefusedError("This pull request is closed.")
    if situation.outcome is None:
        raise RefusedError("The checks have not run on the newest commit yet. Try again in a moment.")
    if situation.case.paths and not situation.case.has_other:
        raise RefusedError("It changes nothing but contributions: an approver decides, by `/approve`.")
    return (Approve(ApprovalKind.LGTM),)
