"""What a report shows, whatever its format: the verdict, what was judged, and the lines that stay hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from checks.checkout import Facts
from checks.contribution import Commit, text_of
from checks.findings import Cause, CauseGroup, Finding, RuleId, Severity, Verdict, by_cause

CONFIDENTIAL_RULES = frozenset({RuleId("pii")})


@dataclass(frozen=True)
class Report:
    """A verdict with all that is needed to tell people about it. `advice` is on sign-offs, ready to show."""

    verdict: Verdict
    facts: Facts
    rules_url: str
    took_s: float = 0.0
    notices: bool = False
    advice: tuple[str, ...] = ()
    idle: bool = False  # nothing was changed, so nothing was judged

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """The findings for the reader: of the notices those that were asked for, or that tell what is open."""
        return tuple(
            f
            for f in self.verdict.findings
            if self.notices or f.cause.leaves_open or f.severity is not Severity.NOTICE
        )

    @cached_property
    def places(self) -> tuple[tuple[str, tuple[CauseGroup, ...]], ...]:
        """The findings by file, worst file first, grouped by cause; those about no file ("") come last."""
        by_path: dict[str, list[Finding]] = {}
        for finding in self.findings:
            by_path.setdefault(finding.path or "", []).append(finding)
        ordered = sorted(by_path, key=lambda path: not path)
        return tuple((path, by_cause(by_path[path])) for path in ordered)

    def count(self, severity: Severity) -> int:
        """Return how many different things of one severity there are to tell: causes, not places."""
        return len({f.cause.id for f in self.findings if f.severity is severity})

    def link(self, cause: Cause) -> str:
        """Return the address of a cause in the rule book."""
        return f"{self.rules_url}#{anchor(cause.id)}"

    def commit(self, sha: str | None) -> Commit | None:
        """Return the commit a finding is about."""
        return next((c for c in self.facts.contribution.commits or () if c.sha == sha), None)

    def source(self, finding: Finding) -> str | None:
        """Return the line a finding points at, or None when there is none or it must not be repeated."""
        if finding.path is None or finding.line is None or self.is_confidential(finding):
            return None
        lines = self._lines_of(finding.path)
        return lines[finding.line - 1] if 0 < finding.line <= len(lines) else None

    def is_confidential(self, finding: Finding) -> bool:
        """True when the line holds personal data or a secret, by this finding or by another one."""
        return finding.rule in CONFIDENTIAL_RULES or (finding.path, finding.line) in self._confidential_lines

    @cached_property
    def _confidential_lines(self) -> frozenset[tuple[str | None, int | None]]:
        hidden = (f for f in self.verdict.findings if f.rule in CONFIDENTIAL_RULES and f.line is not None)
        return frozenset((f.path, f.line) for f in hidden)

    def _lines_of(self, path: str) -> Sequence[str]:
        return self._lines.get(path, ())

    @cached_property
    def _lines(self) -> dict[str, list[str]]:
        lines = {leaf.path: leaf.lines for leaf in self.facts.contribution.leaves}
        wanted = {f.path for f in self.findings} - set(lines)
        for file in self.facts.contribution.files:
            if file.path in wanted:
                lines[file.path] = (text_of(file) or "").replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return lines


def anchor(identifier: str) -> str:
    """Return the anchor of a rule ("dco") or a cause ("dco/missing": "dco-missing") in the rule book."""
    return identifier.replace("/", "-")
