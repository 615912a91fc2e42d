"""Rules as people name them in commands."""

from __future__ import annotations

from bot.commands.registry import RefusedError
from bot.commands.situation import Situation
from bot.comments.escape import code, prose
from checks.findings import Outcome
from checks.registry import UnknownRuleError, get_rule


def failing_rule(situation: Situation, name: str) -> str:
    """Return the id of a rule ("limits") or cause ("limits/long-pair") that fails right now, or leaves it open.

    Raises RefusedError for anything else, and for rules that protect from harm: nobody sets those aside.
    """
    name = name.lower()
    try:
        rule = get_rule(name.partition("/")[0])
    except UnknownRuleError as error:
        raise RefusedError(prose(str(error))) from None
    if not rule.switchable:
        raise RefusedError(
            f"{code(rule.id)} protects from harm or tells what could not be read: nobody sets it aside."
        )
    if situation.outcome is None:
        raise RefusedError("The checks have not run on the newest commit yet. Try again in a moment.")
    if not situation.case.content_digest:
        raise RefusedError("Not all of it could be read, and only what was read can be set aside.")
    left_open = {cause.id for cause in rule.causes if cause.leaves_open and situation.outcome is Outcome.UNVERIFIED}
    found = {cause for cause in situation.failing_causes | left_open if name in (cause, cause.partition("/")[0])}
    if not found:
        failing = ", ".join(code(cause) for cause in sorted(situation.failing_causes)) or "none"
        raise RefusedError(f"{code(name)} has found no error here. What fails: {failing}.")
    return name
