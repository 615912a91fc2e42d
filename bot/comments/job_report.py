"""What a job's check run shows: how it stands, when it should be done, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from bot.comments.escape import block, code, escape, short
from bot.comments.evaluate_report import evaluate_report, evaluate_title
from bot.comments.generate_report import generate_report, generate_title
from bot.comments.jobs import (
    LONGEST_MESSAGE,
    LONGEST_STAGE,
    by_when,
    cost_in_words,
    files_in_words,
    share_of,
    stage,
)
from bot.comments.seed_check_report import seed_check_report, seed_check_title
from bot.job_results import JobResult
from bot.jobs import Job, JobKind, JobState
from pipeline.contract import Progress
from pipeline.evaluation_results import EvaluateResult, SeedCheckResult
from pipeline.results import GenerateResult

_MOST_COMMENT = 60_000  # characters; GitHub takes 65,536
_MOST_SUMMARY = 60_000  # bytes; GitHub takes 65,535
_LONGEST_LOG_LINE, _MOST_LOG_LINES = 160, 20
_BAR_LENGTH = 20

_NAMES = {
    JobKind.PRECHECK: "Precheck",
    JobKind.GENERATE: "Generate",
    JobKind.EVALUATE: "Evaluate",
    JobKind.POSTCHECK: "Postcheck",
    JobKind.MIX: "Mix",
    JobKind.TRAIN: "Train",
    JobKind.SCORE: "Score",
    JobKind.SELECT: "Select",
    JobKind.VARIANT: "Variant",
    JobKind.GATE: "Gate",
    JobKind.PACKAGE: "Package",
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
_TITLES = {
    JobState.SUCCEEDED: "Done",
    JobState.FAILED_BY_CONTRIBUTION: "Could make nothing of this contribution",
    JobState.INFRA_ERROR: "Broke down: our fault",
    JobState.TIMED_OUT: "Took too long",
    JobState.CANCELLED: "Cancelled",
    JobState.SUPERSEDED: "Superseded",
}
_TELLS_LOG = (JobState.INFRA_ERROR, JobState.FAILED_BY_CONTRIBUTION, JobState.TIMED_OUT)


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


def job_report(job: Job, result: JobResult | None = None, log_tail: list[str] | None = None) -> JobReportView:
    """Return what to show of a job; `log_tail` are the last lines of its log."""
    state = job.state
    head = [] if result is not None else [_sentence(job)]  # the table says it all
    if log_tail and state in _TELLS_LOG:
        lines = (short(line, _LONGEST_LOG_LINE) for line in log_tail[-_MOST_LOG_LINES:])
        head.append("The last lines of its log:\n\n" + block("\n".join(lines), "text"))
    tail = [part for part in (files_in_words(job.files), _footer(job)) if part]
    room = _MOST_SUMMARY - len("\n\n".join((*head, *tail)).encode()) - 100
    table = [_result_in_full(result, room, job.chart_url)] if result is not None else []
    return JobReportView(
        _NAMES[job.request.kind],
        f"job:{job.id}",
        job.request.head_sha,
        "completed" if state.is_over else "in_progress" if state is JobState.RUNNING else "queued",
        _CONCLUSIONS.get(state, ""),
        _title(job, result),
        "\n\n".join((*head, *table, *tail)),
    )


def gone_on(view: JobReportView, left: str) -> JobReportView:
    """Return what the commit that a job has left shows of it: the newest one holds the same, and has it now."""
    summary = (
        f"A push left the content of {code(left[:7])} as it was, so nothing is computed anew: how the job stands "
        f"is told at {code(view.head_sha[:7])}."
    )
    return replace(
        view,
        head_sha=left,
        status="completed",
        conclusion="neutral",
        title="It goes on at the newest commit",
        summary=summary,
    )


def evaluation_comment(job: Job, result: EvaluateResult, page_url: str = "") -> str:
    """Return the comment that tells the author what the model gained; each later evaluation takes its place.

    `page_url` is the job's page; empty where there is none.
    """
    at = f"Measured at {code(job.request.head_sha[:7])}."
    page = f" [More on its page]({page_url})." if page_url else ""
    tail = [part for part in (files_in_words(job.files), f"<sub>{at} {_asked(job)}{page}</sub>") if part]
    room = _MOST_COMMENT - len("\n\n".join(tail).encode()) - 100
    return "\n\n".join((evaluate_report(result, room, job.chart_url), *tail))


def _result_in_full(result: JobResult, room: int, chart_url: str) -> str:
    match result:
        case GenerateResult():
            return generate_report(result, room)
        case EvaluateResult():
            return evaluate_report(result, room, chart_url)
        case SeedCheckResult():
            return seed_check_report(result, room)


def _title(job: Job, result: JobResult | None) -> str:
    at = by_when(job.prospects)
    done = f", done {at}" if at else ""
    if job.state is JobState.QUEUED:
        place = stage(job)
        return f"{place[0].upper()}{place[1:]}{done}"
    if job.state is JobState.RUNNING:
        told = job.progress
        return f"{share_of(told):.0%}: {_plain(told)}{done}" if told else f"Just begun{done}"
    match result:
        case GenerateResult():
            return generate_title(result)
        case EvaluateResult():
            return _printable(evaluate_title(result))
        case SeedCheckResult():
            return seed_check_title(result)
    return _TITLES[job.state]


def _sentence(job: Job) -> str:
    message = f" {escape(short(job.message, LONGEST_MESSAGE))}" if job.message else ""
    at = by_when(job.prospects)
    match job.state:
        case JobState.QUEUED:
            done = f" It should be done {at}." if at else ""
            again = f"\n\nIt is tried again (attempt {job.attempt}).{message}" if job.attempt > 1 else ""
            held = f" {job.prospects.held_because}" if job.prospects.held_because else ""
            cost = f" It should take {cost_in_words(job)}." if cost_in_words(job) else ""
            return f"It is **{stage(job)}**.{held}{cost}{done}{again}"
        case JobState.RUNNING:
            done = f" It should be done {at}." if at else ""
            return f"{_bar(job.progress)}{_running(job.begun_at)}.{done}"
        case JobState.SUCCEEDED:
            return "It is done."
        case JobState.FAILED_BY_CONTRIBUTION:
            return (
                f"It could make nothing of this contribution.{message}\n\n"
                f"Once that is mended and pushed, a triager starts it anew with `/{job.request.kind}`."
            )
        case JobState.INFRA_ERROR | JobState.TIMED_OUT:
            return (
                f"It came to nothing; that is our fault, not the author's.{message}\n\n`/retry {job.id}`, or "
                '"Re-run" above, has it tried again.'
            )
        case JobState.CANCELLED:
            return f"It was cancelled.{message}"
        case _:
            return f"It was superseded by something newer.{message}"


def _bar(progress: Progress | None) -> str:
    if progress is None:
        return ""
    share = share_of(progress)
    full = round(share * _BAR_LENGTH)
    bar = "█" * full + "░" * (_BAR_LENGTH - full)
    return f"{bar} **{share:.0%}** {escape(short(progress.stage, LONGEST_STAGE))}\n\n"


def _running(begun_at: datetime | None) -> str:
    return f"It has been running since {begun_at:%H:%M} UTC" if begun_at else "It runs"


def _footer(job: Job) -> str:
    ends = "" if job.state.is_over else f" `/cancel {job.id}` ends it, `/status` tells how it stands now."
    return f"<sub>{_asked(job)}{ends}</sub>"


def _asked(job: Job) -> str:
    asked = f"Job {job.id}, asked for by {code(job.request.asked_by)} at {job.queued_at:%H:%M} UTC"
    return f"{asked} on {job.queued_at.day} {job.queued_at:%B %Y}."


def _plain(progress: Progress) -> str:
    return _printable(short(progress.stage, LONGEST_STAGE))


def _printable(text: str) -> str:
    """Return a text as a title takes it, which GitHub shows as it is: on one line, and nothing hidden in it."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
