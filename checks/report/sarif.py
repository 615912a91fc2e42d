"""The report for code-scanning services: SARIF 2.1.0, one rule a cause, nothing of what must stay hidden."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from checks.findings import Cause, Finding, Severity, Suggestion
from checks.registry import Rule, all_rules
from checks.report.content import Report
from checks.report.visible import visible, visible_path

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
VERSION = "2.1.0"
FINGERPRINT = "primaryLocationLineHash"  # the one by which GitHub knows an alert again
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "note"}


def sarif_report(report: Report) -> str:
    """Return the document. Only ASCII, and no text in it can be taken for a GitHub workflow command."""
    causes = {cause.id: cause for rule in all_rules().values() for cause in rule.causes}
    causes |= {finding.cause.id: finding.cause for finding in report.findings}
    order = {identifier: place for place, identifier in enumerate(causes)}
    run = {
        "tool": {"driver": _driver(report, causes)},
        "automationDetails": {"id": "taxonomy-check/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(report)],
        "results": [
            _result(report, finding, order, fingerprint) for finding, fingerprint in _with_fingerprints(report)
        ],
    }
    document = {"$schema": SCHEMA, "version": VERSION, "runs": [run]}
    return json.dumps(document, indent=2).replace("##[", "#\\u0023[")


def _driver(report: Report, causes: dict[str, Cause]) -> dict[str, Any]:
    return {
        "name": "taxonomy-check",
        "semanticVersion": version("taxonomy-bot"),
        "informationUri": report.rules_url,
        "rules": [_descriptor(report, cause) for cause in causes.values()],
    }


def _descriptor(report: Report, cause: Cause) -> dict[str, Any]:
    """Return what a service shows of a cause: what it is, why it matters, how to put it right."""
    rule: Rule | None = all_rules().get(cause.rule)
    fix = f"\n\nHow to fix: {cause.remedy}" if cause.remedy else ""
    bold = f"\n\n**How to fix:** {cause.remedy}" if cause.remedy else ""
    return {
        "id": cause.id,
        "name": "".join(part.capitalize() for part in cause.id.replace("/", "-").split("-")),
        "shortDescription": {"text": cause.title},
        "fullDescription": {"text": cause.why or cause.title},
        "help": {"text": f"{cause.title}\n\n{cause.why}{fix}", "markdown": f"{cause.why}{bold}" or cause.title},
        "helpUri": report.link(cause),
        "properties": {"tags": [str(cause.rule), *([str(rule.check)] if rule else [])]},
    }


def _invocation(report: Report) -> dict[str, Any]:
    """Say whether all rules came to an end; one that did not is our fault."""
    told = [
        {
            "level": "error",
            "message": {"text": f'Our rule "{crash.rule}" failed. This is our fault, not yours.'},
            "descriptor": {"id": crash.rule},
        }
        for crash in report.verdict.crashes
    ]
    return {"executionSuccessful": not told, "toolExecutionNotifications": told}


def _result(report: Report, finding: Finding, order: dict[str, int], fingerprint: str) -> dict[str, Any]:
    where = f"Commit {visible(finding.sha[:10])}: " if finding.sha else ""
    result: dict[str, Any] = {
        "ruleId": finding.cause.id,
        "ruleIndex": order[finding.cause.id],
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{where}{visible(finding.message)} {visible(finding.how_to_fix)}".strip()},
        "locations": [_location(report, finding)],
        "partialFingerprints": {FINGERPRINT: fingerprint},
    }
    if finding.suggestion is not None and finding.path is not None and not report.is_confidential(finding):
        result["fixes"] = [_fix(finding.path, finding.suggestion, finding.how_to_fix)]
    return result


def _location(report: Report, finding: Finding) -> dict[str, Any]:
    """Return the place. Services refuse results without a file: what is about none is shown at the first one."""
    files = report.facts.contribution.files
    path = finding.path or (files[0].path if files else "README.md")
    region = {"startLine": max(1, finding.line or 1) if finding.path else 1}
    if finding.path and finding.line and finding.column:
        region["startColumn"] = finding.column
    return {"physicalLocation": {"artifactLocation": _artifact(path), "region": region}}


def _artifact(path: str) -> dict[str, str]:
    """Return a path below the repository as an address; bytes that are no text are written as they are shown."""
    return {"uri": quote(visible_path(path), safe="/"), "uriBaseId": "%SRCROOT%"}


def _fix(path: str, suggestion: Suggestion, remedy: str) -> dict[str, Any]:
    region = {"startLine": suggestion.first_line, "endLine": suggestion.last_line}
    if not suggestion.lines:  # nothing is left, not even an empty line
        region |= {"startColumn": 1, "endLine": suggestion.last_line + 1, "endColumn": 1}
    replacement = {"deletedRegion": region, "insertedContent": {"text": "\n".join(suggestion.lines)}}
    change = {"artifactLocation": _artifact(path), "replacements": [replacement]}
    return {"description": {"text": visible(remedy) or "Replace these lines."}, "artifactChanges": [change]}


def _with_fingerprints(report: Report) -> Iterator[tuple[Finding, str]]:
    """Yield each finding with what it is known by again, however many lines come or go above it.

    It is made of the cause, the path and the words of the line; of a line that must stay hidden not even a hash
    is told, because short texts can be guessed.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    for finding in report.findings:
        words = " ".join((report.source(finding) or "").split())
        key = (finding.cause.id, finding.path or finding.sha or "", words)
        seen[key] += 1
        digest = hashlib.sha256("\0".join(key).encode("utf-8", "surrogatepass")).hexdigest()[:32]
        yield finding, f"{digest}:{seen[key]}"
