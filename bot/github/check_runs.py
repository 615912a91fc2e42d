"""Check runs in the two forms that GitHub takes them: one by REST, several in one GraphQL document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from bot.actions import Annotation, ReportCheck

_ANNOTATIONS_AT_ONCE = 50  # GitHub takes no more in one request, and appends what a PATCH brings


def rest_creation(report: ReportCheck, now: datetime) -> dict[str, Any]:
    """Return the body that creates a completed run with as many annotations as fit."""
    return {
        "name": report.name,
        "head_sha": report.head_sha,
        "external_id": report.external_id,
        "status": "completed",
        "conclusion": report.conclusion,
        "completed_at": _moment(now),
        "output": _output(report) | {"annotations": [_rest_row(a) for a in _first(report)]},
        **_buttons(report),
        **({"details_url": report.details_url} if report.details_url else {}),
    }


def rest_additions(report: ReportCheck) -> list[dict[str, Any]]:
    """Return the bodies that bring the annotations which did not fit at first."""
    rows = [_rest_row(annotation) for annotation in report.annotations[_ANNOTATIONS_AT_ONCE:]]
    batches = [rows[i : i + _ANNOTATIONS_AT_ONCE] for i in range(0, len(rows), _ANNOTATIONS_AT_ONCE)]
    return [{"output": _output(report) | {"annotations": batch}} for batch in batches]


def aliases(reports: Sequence[ReportCheck]) -> list[str]:
    """Return the names by which the answer to `graphql_creation` speaks of each report."""
    return [f"run{i}" for i in range(len(reports))]


def graphql_creation(
    reports: Sequence[ReportCheck], repository_node_id: str, now: datetime
) -> tuple[str, dict[str, Any]]:
    """Return the document that creates all runs, each with as many annotations as fit, and its variables."""
    names = aliases(reports)
    fields = "\n".join(
        f"  {name}: createCheckRun(input: ${name}) {{ checkRun {{ databaseId }} }}" for name in names
    )
    declared = ", ".join(f"${name}: CreateCheckRunInput!" for name in names)
    inputs = [_graphql_input(report, repository_node_id, now) for report in reports]
    return f"mutation CreateCheckRuns({declared}) {{\n{fields}\n}}", dict(zip(names, inputs, strict=True))


def _graphql_input(report: ReportCheck, repository_node_id: str, now: datetime) -> dict[str, Any]:
    return {
        "repositoryId": repository_node_id,
        "name": report.name,
        "headSha": report.head_sha,
        "externalId": report.external_id,
        "status": "COMPLETED",
        "conclusion": report.conclusion.upper(),
        "completedAt": _moment(now),
        "output": _output(report) | {"annotations": [_graphql_row(a) for a in _first(report)]},
        **_buttons(report),
        **({"detailsUrl": report.details_url} if report.details_url else {}),
    }


def _output(report: ReportCheck) -> dict[str, Any]:
    return {"title": report.title, "summary": report.summary}


def _buttons(report: ReportCheck) -> dict[str, Any]:
    """Return the buttons, under names that both forms share; nothing where there are none."""
    rows = [asdict(button) for button in report.buttons]
    return {"actions": rows} if rows else {}


def _first(report: ReportCheck) -> tuple[Annotation, ...]:
    return report.annotations[:_ANNOTATIONS_AT_ONCE]


def _rest_row(annotation: Annotation) -> dict[str, Any]:
    row: dict[str, Any] = {
        "path": annotation.path,
        "start_line": annotation.line,
        "end_line": annotation.line,
        "annotation_level": annotation.level,
        "title": annotation.title,
        "message": annotation.message,
    }
    if annotation.column:  # allowed because start and end are the same line
        row |= {"start_column": annotation.column, "end_column": annotation.column}
    if annotation.details:
        row["raw_details"] = annotation.details
    return row


def _graphql_row(annotation: Annotation) -> dict[str, Any]:
    location = {"startLine": annotation.line, "endLine": annotation.line}
    if annotation.column:
        location |= {"startColumn": annotation.column, "endColumn": annotation.column}
    row: dict[str, Any] = {
        "path": annotation.path,
        "location": location,
        "annotationLevel": annotation.level.upper(),
        "title": annotation.title,
        "message": annotation.message,
    }
    return row | ({"rawDetails": annotation.details} if annotation.details else {})


def _moment(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")
