"""The weekly digest: which rules are often wrong, and how a community demotes them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.comments.escape import block, code
from bot.store.pardons import Precision
from checks.policy import POLICY_PATH, Policy
from checks.registry import all_rules

MEASURED = timedelta(days=90)
_FEWEST_HITS = 5


def title_of(now: datetime) -> str:
    """Return the digest's title, which names its week."""
    week = now.isocalendar()
    return f"Rules that are often wrong, week {week.week} of {week.year}"


def is_same_week(one: datetime | None, other: datetime) -> bool:
    """True when both moments lie in the same week, which begins on Monday."""
    return one is not None and one.isocalendar()[:2] == other.isocalendar()[:2]


def imprecise(found: Iterable[Precision], percent: int) -> list[Precision]:
    """Return the rules that are right less often than that, of those that found enough to tell; worst first."""
    wrong = [p for p in found if p.hits >= _FEWEST_HITS and p.share_right * 100 < percent]
    return sorted(wrong, key=lambda p: (p.share_right, p.rule))


def digest(found: Iterable[Precision], policy: Policy) -> str:
    """Return the text of the digest; empty when no rule is wrong too often."""
    rules = imprecise(found, policy.care.precision_percent)
    if not rules:
        return ""
    rows = [f"| {code(p.rule)} | {p.hits} | {p.wrong} | {p.share_right:.0%} |" for p in rules]
    parts = [
        f"These rules were right less than {policy.care.precision_percent} % of the time in the last "
        f"{MEASURED.days} days: triagers set their findings aside with `/wrong`.",
        "\n".join(("| rule | found something in | called wrong | right |", "|---|---|---|---|", *rows)),
    ]
    switchable = [p.rule for p in rules if _is_switchable(p.rule)]
    if switchable:
        parts.append(
            f"To make them notes for triagers until they are mended, put this into {code(POLICY_PATH)} of the "
            "default branch (below the `rules:` that is there, if there is one):"
        )
        parts.append(block("\n".join(("rules:", *(f"  {rule}: notice" for rule in switchable))), "yaml"))
    fixed = [code(p.rule) for p in rules if not _is_switchable(p.rule)]
    if fixed:
        parts.append(f"{', '.join(fixed)} cannot be weighed less by a policy: whoever mends the rules should look.")
    parts.append("Close this when it is decided; it comes again next week only if it is still so.")
    return "\n\n".join(parts) + "\n"


def _is_switchable(rule_id: str) -> bool:
    return any(rule.switchable for rule in all_rules().values() if rule.id == rule_id)
