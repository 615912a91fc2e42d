"""People as commands name them."""

from __future__ import annotations

import re

from bot.commands.registry import RefusedError
from bot.commands.situation import Situation
from bot.comments.escape import code
from checks.contribution import Login

_LOGIN = re.compile(r"@?([A-Za-z0-9](?:[A-Za-z0-9-]{0,37}[A-Za-z0-9])?)")


def login_named(situation: Situation, arguments: str) -> Login:
    """Return the person that is named, or who gave the command. Raises RefusedError."""
    if not arguments:
        return situation.actor
    match = _LOGIN.fullmatch(arguments)
    if match is None:
        raise RefusedError(f"{code(arguments)} is no user name. Name one person, like `@tess`.")
    return Login(match[1])
