"""The report for programs: one JSON document, described in docs/json-report.md."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

from checks.findings import Check, Crash, Elsewhere, Finding, Severity, Suggestion
from checks.report.content import Report

VERSION = 1


def json_report(report: Report) -> str:
    """Return the document. Only ASCII, and no text in it can be taken for a GitHub workflow command."""
    document = {
        "version": VERSION,
        "tool": {"name": "taxonomy-check", "version": version("taxonomy-bot")},
        "verdict": str(report.verdict.overall),
        "checks": {str(check): str(report.verdict.outcome(check)) for check in Check},
        "scope": _scope(report),
        "summary": _summary(report),
        "findings": [_finding(report, finding) for finding in report.verdict.findings],
        "crashes": [_crash(crash) for crash in report.verdict.crashes],
    }
    return json.dumps(document, indent=2).replace("##[", "#\\u0023[")


def _scope(report: Report) -> dict[str, Any]:
    facts = report.facts
    return {
        "text": facts.scope,
        "base": facts.base,
        "compared_with": facts.compared or None,
        "uncommitted_files": facts.uncommitted,
        "files": [file.path for file in facts.contribution.files],
        "leaves": len(facts.contribution.leaves),
        "commits": None if facts.contribution.commits is None else [c.sha for c in facts.contribution.commits],
        "seconds": round(report.took_s, 3),
    }


def _summary(report: Report) -> dict[str, int]:
    return {f"{severity}s": len(report.verdict.with_severity(severity)) for severity in Severity}


def _finding(report: Report, finding: Finding) -> dict[str, Any]:
    hidden = report.is_confidential(finding)
    return {
        "rule": finding.rule,
        "cause": finding.cause.id,
        "severity": str(finding.severity),
        "title": finding.cause.title,
        "message": finding.message,
        "why": finding.cause.why,
        "remedy": finding.how_to_fix,
        "link": report.link(finding.cause),
        "path": finding.path,
        "line": finding.line,
        "column": finding.column,
        "commit": finding.sha,
        "elsewhere": _elsewhere(finding.elsewhere),
        "suggestion": None if hidden else _suggestion(finding.suggestion),
    }


def _elsewhere(place: Elsewhere | None) -> dict[str, Any] | None:
    if place is None:
        return None
    return {"path": place.path, "line": place.line, "pull_request": place.number or None}


def _suggestion(suggestion: Suggestion | None) -> dict[str, Any] | None:
    if suggestion is None:
        return None
    return {
        "first_line": suggestion.first_line,
        "last_line": suggestion.last_line,
        "lines": list(suggestion.lines),
    }


def _crash(crash: Crash) -> dict[str, str]:
    return {"rule": crash.rule, "check": str(crash.check), "detail": crash.detail}
