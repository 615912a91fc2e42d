"""`/status`: how the pull request stands."""

from __future__ import annotations

from bot.commands.registry import command
from bot.commands.situation import Effect, Say, Situation
from bot.comments.escape import code
from bot.roles import Role
from bot.workflow import standing


@command(
    "status",
    usage="/status",
    summary="Say how this pull request stands and who acts next.",
    who=Role.OUTSIDER,
    examples=("/status",),
)
def status(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Say the state in words, and what holds it up."""
    if not situation.is_open:
        return (Say("This pull request is closed. Nobody has to act."),)
    lines = [standing(situation.labels, situation.outcome, is_draft=situation.is_draft)]
    if "hold" in situation.labels:
        lines.append("Merging is held up by hand (`hold`); `/unhold` lifts it.")
    if "legal-hold" in situation.labels:
        lines.append("A maintainer has to look at its licence or source (`legal-hold`).")
    shown = ", ".join(code(label) for label in sorted(situation.labels)) or "none"
    return (Say(" ".join(lines) + f" Labels: {shown}."),)
