"""`/check`: judge the newest commit again, or tell what one rule says of it."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, JudgeAgain, ShowRule, Situation
from bot.comments.escape import code, prose
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
    if not situation.is_open:
        raise RefusedError("This pull request is closed: there is nothing to check.")
    if not arguments:
        return (JudgeAgain(),)
    name = arguments.lower()
    try:
        rule = get_rule(name.partition("/")[0])
    except UnknownRuleError as error:
        raise RefusedError(prose(str(error))) from None
    causes = [cause.id for cause in rule.causes]
    if name not in (rule.id, *causes):
        raise RefusedError(f"{code(rule.id)} has no {code(name)}; it may find {', '.join(map(code, causes))}.")
    if all(cause.kept_back for cause in rule.causes if name in (rule.id, cause.id)):
        raise RefusedError(f"{code(name)} makes guesses that only triagers read, and not here: nothing is shown.")
    return (JudgeAgain(), ShowRule(name))
