"""The report inside a GitHub workflow: annotations on the changed lines, and a summary in Markdown."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from checks.checkout import counted
from checks.findings import CauseGroup, Finding, Severity, by_cause
from checks.report.content import Report
from checks.report.visible import visible, visible_path

ANNOTATIONS_SHOWN = 10  # of each severity and step; GitHub drops the rest
_PLACES_LISTED = 20
_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "notice"}
_MARKS = {Severity.ERROR: "❌", Severity.WARNING: "⚠️", Severity.NOTICE: "ℹ️"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~$-])")


def workflow_commands(report: Report) -> Iterator[str]:
    """Yield one workflow command a finding, at most ten of each severity, then a line on what was left out."""
    left_out = 0
    for severity in Severity:
        found = _one_of_each_first(f for f in report.findings if f.severity is severity)
        yield from map(_command, found[:ANNOTATIONS_SHOWN])
        left_out += len(found[ANNOTATIONS_SHOWN:])
    if left_out:
        yield f"{left_out} more findings are in the summary of this step."
    for crash in report.verdict.crashes:
        yield f'::warning title=Not checked::Our rule "{crash.rule}" failed. This is our fault, not yours.'
    yield _plain_line(f"Checked {report.facts.scope}: {_tally(report)}.")


def summary(report: Report) -> str:
    """Return the Markdown summary: every cause with its places, reason and remedy."""
    parts = [f"## taxonomy-check: {_tally(report)}", f"Checked {_escaped(report.facts.scope)}."]
    parts += [
        f"⚠️ Our rule `{crash.rule}` failed. This is our fault, not yours; please report it."
        for crash in report.verdict.crashes
    ]
    parts += [_cause(report, group) for group in by_cause(report.findings)]
    if report.advice:
        parts.append("### How to sign off what is already committed\n\n" + _preformatted(report.advice))
    return "\n\n".join(parts) + "\n"


def _preformatted(lines: Iterable[str]) -> str:
    """Return lines that are shown as they are; an empty one would end the block, so it holds a blank."""
    shown = "\n".join(_no_mention(html.escape(line)) or "&nbsp;" for line in lines)
    return f"<pre>\n{shown}\n</pre>"


def _one_of_each_first(findings: Iterable[Finding]) -> list[Finding]:
    """Order findings so that every cause is seen once before any is seen again."""
    seen: Counter[str] = Counter()
    turns = []
    for finding in findings:
        turns.append((seen[finding.cause.id], finding))
        seen[finding.cause.id] += 1
    return [finding for _, finding in sorted(turns, key=lambda turn: turn[0])]


def _tally(report: Report) -> str:
    if report.verdict.crashes:
        return "not everything could be checked"
    errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
    told = [
        counted(errors, "thing") + " to fix" if errors else "",
        counted(warnings, "suggestion") if warnings else "",
    ]
    return ", ".join(part for part in told if part) or "all good"


def _command(finding: Finding) -> str:
    place = {
        "file": None if finding.path is None else visible_path(finding.path),
        "line": finding.line,
        "col": finding.column,
        "title": finding.cause.title,
    }
    properties = ",".join(f"{key}={_property(str(value))}" for key, value in place.items() if value is not None)
    where = f"Commit {visible(finding.sha[:10])}: " if finding.sha else ""
    message = f"{where}{visible(finding.message)}\n{visible(finding.how_to_fix)}"
    return f"::{_COMMANDS[finding.severity]} {properties}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _plain_line(text: str) -> str:
    """Return a line that is no command, in neither of the two forms the runner knows."""
    return visible(text).replace("##[", "# #[").replace("::", ": :")


def _cause(report: Report, group: CauseGroup) -> str:
    title = f"{_MARKS[group.severity]} {_escaped(group.cause.title)}"
    lines = [
        f"### {title}",
        f"{_escaped(group.cause.why)} [Rule `{group.cause.id}`]({report.link(group.cause)})",
        "\n".join(_places(group.findings)),
    ]
    return "\n\n".join(lines)


def _places(findings: Iterable[Finding]) -> Iterator[str]:
    listed = tuple(findings)
    for finding in listed[:_PLACES_LISTED]:
        yield f"- {_place(finding)}{_escaped(finding.message)} **Fix:** {_escaped(finding.how_to_fix)}"
    if len(listed) > _PLACES_LISTED:
        yield f"- and {len(listed) - _PLACES_LISTED} more"


def _place(finding: Finding) -> str:
    if finding.sha is not None:
        return f"<code>{html.escape(visible(finding.sha[:10]))}</code>: "
    if finding.path is None:
        return ""
    line = f":{finding.line}" if finding.line is not None else ""
    return f"<code>{_no_mention(html.escape(visible_path(finding.path)))}{line}</code>: "


def _escaped(text: str) -> str:
    """Return text as Markdown that shows it and does nothing else."""
    return _no_mention(_SPECIAL.sub(r"\\\1", html.escape(visible(text), quote=False)))


def _no_mention(text: str) -> str:
    return text.replace("@", "&#64;").replace("://", "&#58;//")
