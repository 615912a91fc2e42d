"""`/wrong`: a finding is a mistake of the rule."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, SetAside, Situation
from bot.roles import Role
from bot.rule_names import failing_rule
from bot.store.pardons import PardonKind
from checks.findings import Check
from checks.registry import get_rule


@command(
    "wrong",
    usage="/wrong RULE",
    summary="Say that a finding is a mistake of ours: it no longer counts for this content.",
    who=Role.TRIAGER,
    about_content=True,
    examples=("/wrong pii", "/wrong limits/long-pair"),
)
def wrong(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Set a false finding aside. A missing sign-off is no matter of taste, so it is left to maintainers."""
    if not arguments or " " in arguments:
        raise RefusedError("Name the rule whose finding is wrong: `/wrong RULE`.")
    rule = failing_rule(situation, arguments)
    if get_rule(rule.partition("/")[0]).check is Check.SIGN_OFF:
        raise RefusedError("Only a maintainer may set this aside: `/override RULE because REASON`.")
    if situation.actor_is_author:
        raise RefusedError("This is your own pull request: another triager has to see that it is wrong.")
    return (SetAside(PardonKind.WRONG, rule, ""),)
