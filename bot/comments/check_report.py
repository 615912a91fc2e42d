"""What a check run shows: its title, its summary, and the notes on the lines."""

from __future__ import annotations

from bot import events
from bot.actions import Annotation, Button, ReportCheck
from bot.comments.causes import Links, in_full
from bot.comments.escape import visible
from checks.contribution import Sha
from checks.findings import Check, Finding, Outcome, Severity, Verdict, by_cause
from checks.policy import Policy

MOST_ANNOTATIONS = 500
PUT_RIGHT = Button("Put it right", "Commits what can be fixed mechanically.", events.PUT_RIGHT)
_MOST_SUMMARY = 60_000
_MOST_MESSAGE = 8_000
NOT_JUDGED = (
    "Not everything about this commit could be read, so this was not judged. A part is never taken for the whole. "
    "If nothing else is reported, GitHub did not tell us all of it: press Re-run in the Checks tab in some minutes."
)
_CONCLUSION = {Outcome.PASSED: "success", Outcome.FAILED: "failure", Outcome.UNVERIFIED: "neutral"}
_LEVEL = {Severity.ERROR: "failure", Severity.WARNING: "warning"}


def check_report(
    verdict: Verdict, check: Check, head_sha: Sha, links: Links, policy: Policy, recipe: str = ""
) -> ReportCheck:
    """Return the check run for `check`, without an id: findings as annotations, causes as summary."""
    outcome = verdict.outcome(check)
    return ReportCheck(
        name=check.value,
        head_sha=head_sha,
        conclusion=_CONCLUSION[outcome],
        title=_title(verdict, check, outcome, policy),
        summary=_summary(verdict, check, outcome, links, recipe if check is Check.SIGN_OFF else ""),
        annotations=tuple(
            _annotation(f) for f in verdict.of(check) if f.path and f.severity is not Severity.NOTICE
        )[:MOST_ANNOTATIONS],
        buttons=(PUT_RIGHT,) if any(f.is_fixable for f in verdict.of(check)) else (),
    )


def apology(check: Check, head_sha: Sha, trace_id: str) -> ReportCheck:
    """Return the check run for when the bot itself broke down: whoever runs it finds the trace id in the log."""
    summary = (
        "The bot broke down while it judged this commit. That is our fault, not yours, and says nothing about your "
        f"contribution. Push again or press Re-run in a while; if it stays so, tell a maintainer: `{trace_id}`."
    )
    return ReportCheck(check.value, head_sha, "neutral", "Could not be checked: our fault, not yours", summary, ())


def _title(verdict: Verdict, check: Check, outcome: Outcome, policy: Policy) -> str:
    if check in verdict.not_judged and outcome is Outcome.UNVERIFIED:
        return "Not judged"
    if outcome is Outcome.UNVERIFIED and not any(crash.check is check for crash in verdict.crashes):
        return "Not everything has been looked at yet: nothing for you to do"
    if outcome is Outcome.UNVERIFIED:
        return "Could not be checked: our fault, not yours"
    things = {f.cause.id for f in verdict.of(check) if f.severity is Severity.ERROR}
    if things:
        return f"{len(things)} thing{'' if len(things) == 1 else 's'} to fix"
    if check is Check.CONTRIBUTION:
        return "Nothing to fix"
    if not policy.dco.enabled:
        return "Not asked for in this repository"
    return "Nothing has to be fixed" if verdict.of(check) else "Every commit is signed off"


def _summary(verdict: Verdict, check: Check, outcome: Outcome, links: Links, recipe: str) -> str:
    parts = []
    if any(crash.check is check for crash in verdict.crashes):
        parts.append("One of our checks broke down on this commit. Nothing is wrong on your side; we look into it.")
    if check in verdict.not_judged:
        parts.append(NOT_JUDGED)
    groups = by_cause(verdict.of(check))
    for severity, heading in (
        (Severity.ERROR, "### To fix"),
        (Severity.WARNING, "### Suggestions"),
        (Severity.NOTICE, "### Notes for triagers"),
    ):
        texts = [in_full(group, links) for group in groups if group.severity is severity]
        if texts:
            parts.append(heading + "\n\n" + "\n\n---\n\n".join(texts))
    if recipe:
        parts.append("### How to sign off\n\n" + recipe)
    if outcome is Outcome.PASSED and not parts:
        parts.append("Everything this check looks at is in order.")
    return _cut("\n\n".join(parts), links)


def _cut(summary: str, links: Links) -> str:
    if len(summary.encode()) <= _MOST_SUMMARY:
        return summary
    kept = summary.encode()[:_MOST_SUMMARY].decode(errors="ignore").rpartition("\n- ")[0]
    return (
        kept
        + f"\n\n… more of the same does not fit in here: the [notes beside the lines]({links.checks_url}) go on, "
        "and `taxonomy-check` on your own computer lists everything."
    )


def _annotation(finding: Finding) -> Annotation:
    """Annotations are plain text on GitHub: nothing needs escaping, only what cannot be seen is shown."""
    message = "\n\n".join(
        (finding.message, f"How to put it right: {finding.how_to_fix}", f"Why: {finding.cause.why}")
    )
    fix = finding.suggestion
    return Annotation(
        path=finding.path or "",
        line=finding.line or 1,
        column=finding.column,
        level=_LEVEL[finding.severity],
        title=visible(finding.cause.title)[:255],
        message=visible(message)[:_MOST_MESSAGE],
        details=visible("\n".join(fix.lines))[:_MOST_MESSAGE] if fix else "",
    )
