"""What a job's check run shows: how it stands, how long it may take, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.comments.escape import escape
from bot.comments.jobs import stage
from bot.jobs import Job, JobKind, JobState
from bot.store.jobs import StoredJob, as_job
from pipeline.contract import PrecheckResult, Progress

_MOST_SUMMARY = 60_000
_LONGEST_CELL = 300
_KNOWN_FROM = 0.6  # answers at least this alike count as known

_NAMES = {
    JobKind.PRECHECK: "Precheck",
    JobKind.GENERATE: "Generate",
    JobKind.EVALUATE: "Evaluate",
    JobKind.POSTCHECK: "Postcheck",
}
# only a contribution's own failure is red: ours never is
_CONCLUSIONS = {
    JobState.SUCCEEDED: "success",
    JobState.FAILED_BY_CONTRIBUTION: "failure",
    JobState.INFRA_ERROR: "neutral",
    JobState.TIMED_OUT: "neutral",
    JobState.CANCELLED: "cancelled",
    JobState.SUPERSEDED: "cancelled",
}


@dataclass(frozen=True, slots=True)
class JobReportView:
    """A job's check run: GitHub's `status`, and its `conclusion` once it is over (else empty)."""

    name: str
    external_id: str
    head_sha: str
    status: str
    conclusion: str
    title: str
    summary: str


def job_report(
    stored: StoredJob, position: int, wait: timedelta | None, result: PrecheckResult | None, log_tail: list[str]
) -> JobReportView:
    """Return what to show. `wait` is the expected time until it is done, None while nothing was measured."""
    state = stored.life.state
    job = as_job(stored, position)
    parts = [_sentence(stored, job, wait)]
    if result is not None:
        parts.append(precheck_table(result))
    if log_tail and state in (JobState.INFRA_ERROR, JobState.FAILED_BY_CONTRIBUTION, JobState.TIMED_OUT):
        parts.append("Last lines of its log:\n\n" + "\n".join(f"- {escape(line)}" for line in log_tail[-20:]))
    return JobReportView(
        _NAMES[stored.request.kind],
        f"job:{stored.id}",
        stored.request.head_sha,
        "completed" if state.is_over else "in_progress" if state is JobState.RUNNING else "queued",
        _CONCLUSIONS.get(state, ""),
        _title(stored, job, wait, result),
        _cut("\n\n".join(parts)),
    )


def precheck_table(result: PrecheckResult) -> str:
    """Return the model's answers beside the contributor's, escaped, the most alike first."""
    known = sum(1 for row in result.rows if row.similarity >= _KNOWN_FROM)
    head = (
        f"The base model {escape(result.model)} answers {known} of {len(result.rows)} seed questions much like "
        f"expected (by {escape(result.method)}, at least {_KNOWN_FROM:.0%}; a rough measure, no judgement)."
    )
    if result.unanswered:
        head += f" It gave no answer to {result.unanswered}."
    rows = sorted(result.rows, key=lambda row: -row.similarity)
    lines = [
        f"| {_cell(row.question)} | {_cell(row.expected)} | {_cell(row.answer)} | {row.similarity:.0%} |"
        for row in rows
    ]
    return "\n".join(
        (head, "", "| question | expected answer | the model's answer | likeness |", "|---|---|---|---:|", *lines)
    )


def _cell(text: str) -> str:
    cut = text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"
    return escape(cut)


def _title(stored: StoredJob, job: Job, wait: timedelta | None, result: PrecheckResult | None) -> str:
    state, progress = stored.life.state, stored.life.progress
    if state is JobState.QUEUED:
        eta = f", done in about {_words(wait)}" if wait else ""
        return f"{stage(job).capitalize()}{eta}"
    if state is JobState.RUNNING:
        return f"{progress.share:.0%}: {_plain(progress)}" if progress else "Just begun"
    if result is not None:
        return f"{len(result.rows)} questions asked"
    return state.value.capitalize()


def _sentence(stored: StoredJob, job: Job, wait: timedelta | None) -> str:
    message = f" {escape(stored.life.message)}" if stored.life.message else ""
    match stored.life.state:
        case JobState.QUEUED:
            eta = f" It should be done in about {_words(wait)}." if wait else ""
            again = (
                f"{message} It is tried again (attempt {stored.life.attempt})." if stored.life.attempt > 1 else ""
            )
            return f"It is {stage(job)}.{eta}{again}"
        case JobState.RUNNING:
            return "It runs. This page tells how far it is."
        case JobState.SUCCEEDED:
            return "It is done."
        case JobState.FAILED_BY_CONTRIBUTION:
            return f"It could make nothing of this contribution.{message}"
        case JobState.INFRA_ERROR | JobState.TIMED_OUT:
            return f"It came to nothing; that is our fault, not the author's.{message} `/retry` has it tried again."
        case JobState.CANCELLED:
            return f"It was cancelled.{message}"
        case _:
            return f"It was superseded by something newer.{message}"


def _plain(progress: Progress) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in progress.stage).split())[:100]


def _words(wait: timedelta | None) -> str:
    minutes = round((wait or timedelta()).total_seconds() / 60)
    if minutes < 1:
        return "a minute"
    if minutes < 90:
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    return f"{round(minutes / 60)} hours"


def _cut(summary: str) -> str:
    if len(summary.encode()) <= _MOST_SUMMARY:
        return summary
    kept = summary.encode()[:_MOST_SUMMARY].decode(errors="ignore").rpartition("\n")[0]
    return kept + "\n\n… the rest does not fit in here; the whole result is kept as an artifact."
