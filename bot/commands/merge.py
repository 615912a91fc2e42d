"""`/merge`: merge it now, if nothing is missing."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import AskMerge, Effect, Situation
from bot.roles import Role


@command(
    "merge",
    usage="/merge [SHA]",
    summary="Merge it, if nothing is missing; after a refusal by GitHub, try once more.",
    who=Role.APPROVER,
    about_content=True,
    weighty=True,
    examples=("/merge",),
)
def merge(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Put it into the merge queue, or say what is missing."""
    if arguments:
        raise RefusedError("Write `/merge` alone, or with the commit that you mean: `/merge 1a2b3c4`.")
    if not situation.readiness.is_ready:
        raise RefusedError(f"Not yet. {situation.readiness.why}")
    return (AskMerge(),)
