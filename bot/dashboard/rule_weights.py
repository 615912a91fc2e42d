"""How much each cause of each rule weighs in one repository: by its policy, and while a rule is new. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from checks.findings import Cause, Severity
from checks.gentleness import rule_set, weighs_fully_on
from checks.policy import Policy, Switch
from checks.registry import Rule, all_rules

_KINDS = {Switch.ERROR: "bad", Switch.WARNING: "wait", Switch.NOTICE: "accent", Switch.OFF: ""}
_SAID = {
    Switch.ERROR: "error: blocks",
    Switch.WARNING: "warning: blocks nothing",
    Switch.NOTICE: "notice: blocks nothing",
    Switch.OFF: "off",
}


@dataclass(frozen=True, slots=True)
class Weight:
    """What a cause weighs, in words. `until` is the day from which it weighs fully; None for what is not new."""

    words: str
    kind: str = ""
    is_chosen: bool = False  # by the policy of the repository
    until: date | None = None


def weights_of(policy: Policy, starts: Mapping[str, datetime], now: datetime) -> dict[str, Weight]:
    """Return what every cause weighs now, by its id. `starts` are when rules that were new began to count."""
    gentle = rule_set(policy, now, starts).gentle
    return {
        cause.id: _weight(
            rule, cause, policy, weighs_fully_on(policy, cause.id, starts) if cause.id in gentle else None
        )
        for rule in all_rules().values()
        for cause in rule.causes
    }


def _weight(rule: Rule, cause: Cause, policy: Policy, until: date | None) -> Weight:
    if not rule.switchable:
        return Weight("always in force")
    switch = policy.rules.get(cause.id, policy.rules.get(rule.id))
    if switch is not None:
        return Weight(_SAID[switch], _KINDS[switch], is_chosen=True)
    if cause.kept_back:
        return Weight("notice, for triagers", "accent")
    if until is not None:
        before = Switch((cause.formerly or Severity.NOTICE).value)
        return Weight(_SAID[before], _KINDS[before], until=until)
    return Weight("as the rule has it")
