"""`/explain`: why a rule exists and how to follow it."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, Say, Situation
from bot.comments.escape import code, prose
from bot.roles import Role
from checks.registry import UnknownRuleError, get_rule


@command(
    "explain",
    usage="/explain RULE",
    summary="Say why a rule exists and how to follow it.",
    who=Role.OUTSIDER,
    examples=("/explain dco", "/explain attribution"),
)
def explain(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Explain one rule with all it may find."""
    if not arguments:
        raise RefusedError("Which rule? For example `/explain dco`.")
    try:
        rule = get_rule(arguments.split()[0].lower())
    except UnknownRuleError as error:
        near = f" Did you mean `{error.suggestion}`?" if error.suggestion else ""
        raise RefusedError(f"There is no rule {code(arguments.split()[0])}.{near}") from None
    link = f"{situation.policy.messages.rules_url}#{rule.id}"
    causes = "\n".join(f"- **{prose(c.title)}**: {prose(c.remedy)}" for c in rule.causes)
    return (Say(f"**{prose(rule.title)}.** {prose(rule.why)} [The whole rule]({link})\n\n{causes}"),)
