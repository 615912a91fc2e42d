"""The rules: what is checked, why, and how to put it right; in a repository also how much each weighs there."""

from __future__ import annotations

from bot.dashboard.registry import REPOSITORY, Sees, page
from bot.dashboard.rule_weights import weights_of
from bot.dashboard.visit import Shown, Visit
from bot.store.rule_starts import RuleStarts
from checks.policy import POLICY_PATH
from checks.registry import all_rules, release_days
from checks.report.content import anchor


@page("/rules", "Rules", sees=Sees.ANYBODY)
async def rules(_visit: Visit) -> Shown:
    """Show every rule."""
    return Shown("rules.html", {"rules": list(all_rules().values()), "anchor": anchor, "weights": {}})


@page(REPOSITORY + "/rules", "Rules", sees=Sees.READERS, menu=80)
async def rules_here(visit: Visit) -> Shown:
    """Show every rule with its weight under the policy of the repository."""
    policy = await visit.doors.policy_of(visit.origin)
    starts = await RuleStarts(visit.house.reads).read(release_days(), visit.now)
    facts = {
        "rules": list(all_rules().values()),
        "anchor": anchor,
        "weights": weights_of(policy, starts, visit.now),
        "policy_path": POLICY_PATH,
    }
    return Shown("rules.html", facts)
