"""`/remind`: say a word after some days."""

from __future__ import annotations

import re

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, Remind, Situation
from bot.comments.escape import prose
from bot.roles import Role

_IN = re.compile(r"(?:in\s+)?(\d{1,9})\s*(?:days?|d)?(?:\s+(\S.*))?", re.IGNORECASE | re.DOTALL)
_USUAL_DAYS = 7
_MOST_DAYS = 90


@command(
    "remind",
    usage="/remind [DAYS] [TEXT]",
    summary=f"Remind whoever acts next, after {_USUAL_DAYS} days or as many as you say.",
    who=Role.TRIAGER,
    author_too=True,
    examples=("/remind", "/remind 3 ask for the source again"),
)
def remind(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Write a reminder down."""
    match = _IN.fullmatch(arguments)
    days, text = (int(match[1]), match[2] or "") if match else (_USUAL_DAYS, arguments)
    if not 1 <= days <= _MOST_DAYS:
        raise RefusedError(f"Between 1 and {_MOST_DAYS} days, like `/remind 3`.")
    return (Remind(days, prose(text.strip()[:500])),)
