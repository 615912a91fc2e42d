"""All rules over one contribution: their findings, weighed by the policy, in reading order."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache, partial

from checks.contribution import Contribution
from checks.findings import Check, Crash, Finding, RuleId, Severity, Verdict, heaviest_first
from checks.personal_data import detect, mask
from checks.policy import Policy, Switch
from checks.registry import Rule, all_rules
from checks.time_limit import RULE_LIMIT_S, OverranError, within

MOST_PER_FILE = 200


def judge(
    contribution: Contribution,
    policy: Policy,
    rules: Iterable[Rule] | None = None,
    rule_limit_s: float = RULE_LIMIT_S,
    timed: Callable[[RuleId, float], None] | None = None,
) -> Verdict:
    """Return what `rules` (default: all) say of the contribution.

    A rule that crashes, or thinks for longer than `rule_limit_s`, is a Crash: never a pass, and our own fault.
    `timed` is told how many seconds each rule took.
    """
    chosen = tuple(all_rules().values() if rules is None else rules)
    findings: list[Finding] = []
    crashes: list[Crash] = []
    for rule in chosen:
        began = time.perf_counter()
        try:
            findings += within(rule_limit_s, partial(_asked, rule, contribution, policy))
        except (Exception, OverranError) as error:  # one broken rule must not hide the others' findings
            crashes.append(Crash(rule.id, rule.check, crash_site(error)))
        if timed is not None:
            timed(rule.id, time.perf_counter() - began)
    return assemble(findings, crashes)


def _asked(rule: Rule, contribution: Contribution, policy: Policy) -> list[Finding]:
    return [masked(finding) for finding in capped(weighed(rule.find(contribution, policy), policy))]


def assemble(findings: Iterable[Finding], crashes: Iterable[Crash] = ()) -> Verdict:
    """Put findings and crashes together into one ordered verdict."""
    rules = all_rules()
    order: dict[str, int] = {rule.id: rule.order for rule in rules.values()}
    sign_off: frozenset[str] = frozenset(rule.id for rule in rules.values() if rule.check is Check.SIGN_OFF)
    return Verdict(heaviest_first(findings, order), tuple(crashes), sign_off)


def weighed(findings: Iterable[Finding], policy: Policy) -> Iterable[Finding]:
    """Apply the policy's switches: by cause first, else by rule; "off" drops the finding.

    A switch of a rule that cannot be switched has no effect, however it came into the policy.
    """
    fixed = {rule.id for rule in all_rules().values() if not rule.switchable} if policy.rules else frozenset()
    for finding in findings:
        if finding.rule in fixed:
            yield finding
            continue
        switch = policy.rules.get(finding.cause.id, policy.rules.get(finding.rule))
        if switch is None:
            yield finding
        elif switch is not Switch.OFF:
            yield finding.weighed(Severity(switch.value))


def capped(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Keep the first MOST_PER_FILE findings of a rule about one file; nobody reads more of them.

    The first error of all, and the first finding of each cause, is kept wherever it stands: what is left out
    never changes a verdict.
    """
    count: Counter[str | None] = Counter()
    told: set[tuple[str | None, str, Severity]] = set()
    for finding in findings:
        kind = (finding.path, finding.cause.id, finding.severity)
        if count[finding.path] < MOST_PER_FILE or finding.path is None or kind not in told:
            count[finding.path] += 1
            told.add(kind)
            yield finding


def masked(finding: Finding) -> Finding:
    """Return the finding without the personal data and secrets that its words may have quoted.

    A mechanical fix that would repeat some is left out, and so is the place where the path itself holds some.
    """
    if finding.path is not None and _is_private(finding.path):
        finding = replace(finding, path=None, line=None, column=None, suggestion=None, tidying=None, move=None)
    if finding.elsewhere is not None and _is_private(finding.elsewhere.path):
        finding = replace(finding, elsewhere=None)
    message, remedy = mask(finding.message), mask(finding.remedy)
    fix = finding.suggestion
    if fix is not None and any(mask(line) != line for line in fix.lines):
        fix = None
    if (message, remedy, fix) == (finding.message, finding.remedy, finding.suggestion):
        return finding
    return replace(finding, message=message, remedy=remedy, suggestion=fix)


@lru_cache(maxsize=4_096)
def _is_private(path: str) -> bool:
    return bool(detect(path)) and mask(path) != path


def crash_site(error: BaseException) -> str:
    """Name the error's type and place; its text may quote the contribution and stays out of every log."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} at {place}"
