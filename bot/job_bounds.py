"""What workers tell, within bounds: whatever one sends, it can be stored, and no people's page is drowned in it."""

from __future__ import annotations

from dataclasses import replace

from pipeline.contract import JobReport, LogLine, Outcome, Progress

LONGEST_WORKER = 80  # characters of a name; the columns of the database are no longer
_LONGEST_STAGE = 200
_LONGEST_MESSAGE = 2_000
_LONGEST_LINE = 4_000
_MOST_LINES = 2_000  # of one report
_MOST_ARTIFACTS = 1_000  # ten checkpoints of a large model in shards are hundreds


def bounded(report: JobReport) -> JobReport:
    """Return a report with everything in it cut to what is kept."""
    return replace(
        report,
        progress=_progress(report.progress) if report.progress else None,
        log=_log(report.log),
        outcome=_outcome(report.outcome) if report.outcome else None,
    )


def _progress(told: Progress) -> Progress:
    return Progress(min(1.0, max(0.0, told.share)), _cut(" ".join(told.stage[:1000].split()), _LONGEST_STAGE))


def _log(told: tuple[LogLine, ...]) -> tuple[LogLine, ...]:
    """Return the lines, each on one line; of too many the first and the last: how it began, and how it ended."""
    if len(told) > _MOST_LINES:
        left_out = len(told) - _MOST_LINES
        half = _MOST_LINES // 2
        gap = replace(told[half], text=f"… {left_out} lines of this report are left out …")
        told = (*told[:half], gap, *told[-half:])
    return tuple(replace(line, text=_cut(" ".join(line.text.splitlines()), _LONGEST_LINE)) for line in told)


def _outcome(told: Outcome) -> Outcome:
    message, artifacts = _cut(told.message, _LONGEST_MESSAGE), told.artifacts[:_MOST_ARTIFACTS]
    return replace(told, message=message, artifacts=artifacts)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
