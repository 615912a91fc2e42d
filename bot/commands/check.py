"""`/check`: judge the newest commit again, or tell what one rule says of it."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, JudgeAgain, ShowRule, Situation
from bot.comments.escape import prose
from bot.roles import Role
from checks.registry import UnknownRuleError, get_rule


@command(
    "check",
    usage="/check [RULE]",
    summary="Run the checks again on the newest commit; with a rule, tell what that rule says.",
    who=Role.TRIAGER,
    author_too=True,
    examples=("/check", "/check pii"),
)
def check(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Judge again."""
    if not arguments:
        return (JudgeAgain(),)
    try:
        rule = get_rule(arguments.lower().partition("/")[0])
    except UnknownRuleError as error:
        raise RefusedError(prose(str(error))) from None
    return (JudgeAgain(), ShowRule(arguments.lower() if "/" in arguments else rule.id))
