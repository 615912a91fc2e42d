"""`/cc`: tell somebody about a pull request."""

from __future__ import annotations

import re

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, Say, Situation
from bot.comments.escape import code
from bot.roles import Role

_PEOPLE = re.compile(r"@[A-Za-z0-9](?:[A-Za-z0-9-]{0,37}[A-Za-z0-9])?")
_MOST = 5


@command(
    "cc",
    usage="/cc @user ...",
    summary="Tell people about this pull request.",
    who=Role.TRIAGER,
    examples=("/cc @tess", "/cc @tess @max"),
)
def cc(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Mention people, at most five; teams are left to `/question`."""
    named = arguments.split()
    wrong = [name for name in named if not _PEOPLE.fullmatch(name)]
    if wrong or not 1 <= len(named) <= _MOST:
        shown = f" {code(wrong[0])} is no user name." if wrong else ""
        raise RefusedError(f"Name one to five people, like `/cc @tess`.{shown}")
    return (Say(f"For your attention: {' '.join(named)}"),)
