"""What a check says: a cause (the kind of problem), a finding (one place of it) and the verdict of all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import NewType

RuleId = NewType("RuleId", str)


class Severity(StrEnum):
    """How much a finding weighs, heaviest first."""

    ERROR = "error"  # blocks: the author has to change something
    WARNING = "warning"  # shown to the author, blocks nothing
    NOTICE = "notice"  # for triagers; never shown as the author's task


class Check(StrEnum):
    """The check run under which a rule's findings are reported."""

    CONTRIBUTION = "Contribution"
    SIGN_OFF = "Sign-off"


class Outcome(StrEnum):
    """What one check run may say. UNVERIFIED (we crashed, or could not see all) is neither failure nor green."""

    PASSED = "passed"
    FAILED = "failed"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class Cause:
    """One kind of problem, in words for people: what it is, why it matters, how to put it right.

    `id` is "RULE/KIND", e.g. "schema/missing-key". `title` is the line under which all findings of this
    cause are grouped, so it holds no detail of a single place and no contributor text. `since` is the day on
    which it was new, or became stricter: for the first days from then it is told gently. `formerly` is how much
    a stricter one weighed before, and weighs as long as it is gentle; without it, it is a notice.
    What is `kept_back` is a guess about a person's words: only triagers read it, nowhere on the pull request, and
    it is never more than a notice.
    `leaves_open` is for causes that tell what could not be looked at: the check is then neither red nor green.
    """

    id: str
    title: str
    why: str
    remedy: str
    since: date | None = None
    formerly: Severity | None = None
    kept_back: bool = False
    leaves_open: bool = False

    @property
    def rule(self) -> RuleId:
        """The rule this cause belongs to: the part of the id before the slash."""
        return RuleId(self.id.partition("/")[0])


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A mechanical fix: the lines `first_line`..`last_line` (1-based, inclusive) become `lines`.

    One that is not `certain` is only shown: it is one of several remedies, and people choose.
    """

    first_line: int
    last_line: int
    lines: tuple[str, ...]
    certain: bool = True


class Tidying(StrEnum):
    """A mechanical fix of a whole file, which takes none of its words along."""

    ENCODING = "encoding"
    BYTE_ORDER_MARK = "byte-order-mark"
    HIDDEN_CHARACTERS = "hidden-characters"
    LINE_ENDS = "line-ends"
    TABS = "tabs"
    TRAILING_SPACES = "trailing-spaces"
    EMPTY_LINES = "empty-lines"
    FINAL_NEWLINE = "final-newline"


@dataclass(frozen=True, slots=True)
class Move:
    """A mechanical fix of a place: the file `source`, or the folder with all that lies in it, becomes `target`."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another place that a finding is about: a line of the taxonomy, or of an open pull request by its number."""

    path: str
    line: int
    number: int = 0  # 0: the taxonomy itself


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem at one place.

    `message` says what is wrong right here, in one or two plain sentences. It may quote contributor text
    (renderers escape it) but never what was found of secrets or personal data. `remedy` replaces the
    cause's general remedy where this place allows a better one. Lines and columns count from 1.
    """

    cause: Cause
    severity: Severity
    message: str
    path: str | None = None
    line: int | None = None
    column: int | None = None
    remedy: str = ""
    suggestion: Suggestion | None = None
    elsewhere: Elsewhere | None = None
    sha: str | None = None  # the commit meant, for findings about commits
    tidying: Tidying | None = None  # what puts it right together with all of its kind
    move: Move | None = None

    @property
    def rule(self) -> RuleId:
        """The id of the rule that found it."""
        return self.cause.rule

    @property
    def how_to_fix(self) -> str:
        """The best remedy known for this place."""
        return self.remedy or self.cause.remedy

    @property
    def is_fixable(self) -> bool:
        """True when a program can put it right, in one way only."""
        is_certain = self.suggestion is not None and self.suggestion.certain
        return self.path is not None and (is_certain or self.tidying is not None or self.move is not None)

    @property
    def closed(self) -> Finding:
        """The same finding for where somebody has decided that it leaves nothing open."""
        return replace(self, cause=replace(self.cause, leaves_open=False)) if self.cause.leaves_open else self

    def weighed(self, severity: Severity) -> Finding:
        """Return the same finding at another severity; what is kept back, or left open, stays a notice."""
        severity = Severity.NOTICE if self.cause.kept_back or self.cause.leaves_open else severity
        return self if severity is self.severity else replace(self, severity=severity)


@dataclass(frozen=True, slots=True)
class Crash:
    """A rule that failed through our own fault. `detail` is for operators, never for contributors."""

    rule: RuleId
    check: Check
    detail: str


_WEIGHT = {severity: weight for weight, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Everything the rules say about one contribution at one commit.

    Findings are ordered: errors first, then by the rules' own order, then by place.
    """

    findings: tuple[Finding, ...]
    crashes: tuple[Crash, ...] = ()
    sign_off_rules: frozenset[str] = frozenset()
    not_judged: frozenset[Check] = frozenset()  # checks for which the facts could not be had in full

    def of(self, check: Check) -> tuple[Finding, ...]:
        """Return the findings reported under `check`, in order."""
        sign_off = check is Check.SIGN_OFF
        return tuple(f for f in self.findings if (f.rule in self.sign_off_rules) is sign_off)

    def outcome(self, check: Check) -> Outcome:
        """Say whether `check` failed, passed, or could not be verified because a rule of ours crashed."""
        if any(f.severity is Severity.ERROR for f in self.of(check)):
            return Outcome.FAILED
        if check in self.not_judged or any(crash.check is check for crash in self.crashes):
            return Outcome.UNVERIFIED
        if any(f.cause.leaves_open for f in self.of(check)):
            return Outcome.UNVERIFIED
        return Outcome.PASSED

    @property
    def kept_back(self) -> tuple[Finding, ...]:
        """The findings that only triagers read, in order."""
        return tuple(f for f in self.findings if f.cause.kept_back)

    @property
    def told(self) -> Verdict:
        """The verdict as its author may read it: without what is kept back."""
        return replace(self, findings=tuple(f for f in self.findings if not f.cause.kept_back))

    @property
    def is_open(self) -> bool:
        """True when something could not be looked at, through no fault of the contribution."""
        return any(f.cause.leaves_open for f in self.findings)

    @property
    def overall(self) -> Outcome:
        """The outcome of all checks together: any failure fails, then any crash leaves it unverified."""
        outcomes = {self.outcome(check) for check in Check}
        for worst in (Outcome.FAILED, Outcome.UNVERIFIED):
            if worst in outcomes:
                return worst
        return Outcome.PASSED

    def with_severity(self, severity: Severity) -> tuple[Finding, ...]:
        """Return the findings of exactly this severity, in order."""
        return tuple(f for f in self.findings if f.severity is severity)


@dataclass(frozen=True, slots=True)
class CauseGroup:
    """All findings of one cause and one severity: what people read as one line."""

    cause: Cause
    severity: Severity
    findings: tuple[Finding, ...]


def by_cause(findings: Iterable[Finding]) -> tuple[CauseGroup, ...]:
    """Group findings by cause and severity, keeping the order of their first findings."""
    groups: dict[tuple[str, Severity], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.cause.id, finding.severity), []).append(finding)
    return tuple(CauseGroup(g[0].cause, g[0].severity, tuple(g)) for g in groups.values())


def heaviest_first(findings: Iterable[Finding], rule_order: dict[str, int]) -> tuple[Finding, ...]:
    """Sort findings by severity, then the rules' order, then place."""
    return tuple(
        sorted(
            findings,
            key=lambda f: (
                _WEIGHT[f.severity],
                rule_order.get(f.rule, 0),
                f.path or "",
                f.line or 0,
                f.column or 0,
                f.cause.id,
                f.message if f.path else "",  # commits stay in the order in which they were made
            ),
        )
    )
