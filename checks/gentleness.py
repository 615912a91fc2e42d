"""New rules are gentle: for their first days, what they find is told but does not weigh."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from checks.findings import Finding, RuleId, Severity, Verdict
from checks.policy import Policy
from checks.registry import release_days
from checks.run import assemble

_LIGHTEST_LAST = {severity: place for place, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Which causes weigh less than they will, by id: those that are new, and those that did not count yet."""

    gentle: frozenset[str] = frozenset()
    not_yet: frozenset[str] = frozenset()

    def applied(self, verdict: Verdict) -> Verdict:
        """Return the verdict by this rule set."""
        if not any(f.cause.id in self.gentle or f.cause.id in self.not_yet for f in verdict.findings):
            return verdict
        findings = (told for finding in verdict.findings if (told := self._told(finding)) is not None)
        return replace(assemble(findings, verdict.crashes), not_judged=verdict.not_judged)

    def _told(self, finding: Finding) -> Finding | None:
        """Return the finding as it weighs now; None for one of a cause that did not exist yet."""
        formerly = finding.cause.formerly
        if finding.cause.id in self.not_yet and formerly is None:
            return None
        if finding.cause.id in self.gentle or finding.cause.id in self.not_yet:
            at_most = formerly or Severity.NOTICE
            return finding.closed.weighed(max(finding.severity, at_most, key=_LIGHTEST_LAST.__getitem__))
        return finding


def rule_set(
    policy: Policy, moment: datetime, starts: Mapping[str, datetime] | None = None, *, judged_then: bool = False
) -> RuleSet:
    """Return the rules as they count at a moment.

    A rule is new from the day of its release; `starts` names later moments by cause, for where it arrived later,
    and the community's own file the last word on both. With `judged_then`, `moment` is when a commit was first
    judged: what had not begun by then does not count for it. Whatever the community has switched itself is never
    gentle: it has decided.
    """
    days = timedelta(days=policy.new_rules.gentle_days)
    gentle, not_yet = set[str](), set[str]()
    for cause, start in _starts(policy, starts or {}):
        if judged_then and moment < start:
            not_yet.add(cause)
        elif moment < start + days:
            gentle.add(cause)
    return RuleSet(frozenset(gentle), frozenset(not_yet))


def weighs_fully_on(policy: Policy, cause: str, starts: Mapping[str, datetime] | None = None) -> date | None:
    """Return the first day on which a cause has its whole weight; None for one that is not new here."""
    found = dict(_starts(policy, starts or {})).get(cause)
    return None if found is None else (found + timedelta(days=policy.new_rules.gentle_days)).date()


def _starts(policy: Policy, starts: Mapping[str, datetime]) -> Iterator[tuple[str, datetime]]:
    """Yield every cause that was ever new, unless the community has switched it, and when it began to count."""
    for cause, day in release_days().items():
        rule = RuleId(cause.partition("/")[0])
        if cause in policy.rules or rule in policy.rules:
            continue
        chosen = policy.new_rules.start.get(cause, policy.new_rules.start.get(rule))
        yield cause, midnight(chosen) if chosen else starts.get(cause, midnight(day))


def midnight(day: date) -> datetime:
    """Return the beginning of a day, the same everywhere on earth."""
    return datetime.combine(day, time(), UTC)
