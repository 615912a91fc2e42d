"""`/override`: a maintainer accepts what a rule finds."""

from __future__ import annotations

import re

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, SetAside, Situation
from bot.roles import Role
from bot.rule_names import failing_rule
from bot.store.pardons import PardonKind

_WRITTEN = re.compile(r"(\S+)\s+because\s+(\S.*)", re.IGNORECASE | re.DOTALL)


@command(
    "override",
    usage="/override RULE because REASON",
    summary="Accept what a rule finds in this content, for a reason that everybody can read.",
    who=Role.MAINTAINER,
    about_content=True,
    weighty=True,
    examples=("/override licences because the publisher has agreed by letter",),
)
def override(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Set a finding aside; without a reason it is refused."""
    match = _WRITTEN.fullmatch(arguments)
    if match is None:
        raise RefusedError("An override needs the rule and a reason: `/override RULE because REASON`.")
    if situation.actor_is_author:
        raise RefusedError("This is your own pull request: another maintainer has to accept that.")
    rule = failing_rule(situation, match[1])
    return (SetAside(PardonKind.OVERRIDE, rule, match[2].strip()[:500]),)
