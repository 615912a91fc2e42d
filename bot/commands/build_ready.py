"""`/build-ready`: the numbers are fine, it goes into the next build."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, Fire, Situation
from bot.labels import Label
from bot.roles import Role
from bot.workflow import Trigger
from checks.findings import Outcome


@command(
    "build-ready",
    usage="/build-ready | /build-ready cancel",
    summary="Say that its numbers are fine: once merged, it goes into the next build.",
    who=Role.APPROVER,
    about_content=True,
    weighty=True,
    labels=((Label.BUILD_READY, True), (Label.BUILD_READY, False)),
    cancels=True,
    examples=("/build-ready", "/build-ready cancel"),
)
def build_ready(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Let it into the next build, or take that back."""
    if arguments.lower() == "cancel" or situation.label_set is False:
        return (Fire(Trigger.NOT_BUILD_READY),)
    if situation.outcome is not Outcome.PASSED:
        raise RefusedError("The checks have not passed on the newest commit.")
    if not situation.case.has_contribution:
        raise RefusedError("It changes no skill and no knowledge: there is nothing to build of it.")
    return (Fire(Trigger.BUILD_READY),)
