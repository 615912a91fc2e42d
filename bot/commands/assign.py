"""`/assign` and `/unassign`: who looks after it."""

from __future__ import annotations

import re

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Assign, Effect, Situation
from bot.comments.escape import code
from bot.roles import Role
from checks.contribution import Login

_LOGIN = re.compile(r"@?([A-Za-z0-9](?:[A-Za-z0-9-]{0,37}[A-Za-z0-9])?)")


@command(
    "assign",
    usage="/assign [@user]",
    summary="Make somebody, or yourself, look after this pull request.",
    who=Role.TRIAGER,
    examples=("/assign", "/assign @tess"),
)
def assign(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Assign a person."""
    return (Assign(_login(situation, arguments), on=True),)


@command(
    "unassign",
    usage="/unassign [@user]",
    summary="Take somebody, or yourself, off again.",
    who=Role.TRIAGER,
    examples=("/unassign", "/unassign @tess"),
)
def unassign(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Take an assignment back."""
    return (Assign(_login(situation, arguments), on=False),)


def _login(situation: Situation, arguments: str) -> Login:
    if not arguments:
        return situation.actor
    match = _LOGIN.fullmatch(arguments)
    if match is None:
        raise RefusedError(f"{code(arguments)} is no user name. Name one person, like `@tess`.")
    return Login(match[1])
