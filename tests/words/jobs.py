"""The check runs of jobs: how they stand, and what came of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from bot.comments.job_report import JobReportView, job_report
from bot.job_flow import Life
from bot.jobs import JobKind, JobState
from bot.store.jobs import StoredJob
from pipeline.contract import AnsweredQuestion, PrecheckResult, Progress
from tests.bot.situations import NOW, SHA, a_job

HALF_DONE = Progress(0.5, "asking the model")
RESULT = PrecheckResult(
    head_sha=SHA,
    model="a-model-of-7b",
    method="words in common",
    rows=(
        AnsweredQuestion("Which bird dives for fish?", "The kingfisher.", "A kingfisher.", 0.9),
        AnsweredQuestion("Which bird is the smallest?", "The bee hummingbird.", "I do not know.", 0.1),
    ),
    unanswered=1,
)


def words() -> Iterator[tuple[str, str]]:
    "Yield each job's name and what its check run shows."
    waiting, hours = timedelta(minutes=12), timedelta(hours=3)
    told = (
        ("queued", job_report(a_stored_job(), 1, None, None, [])),
        ("queued-with-a-forecast", job_report(a_stored_job(), 3, waiting, None, [])),
        ("queued-for-hours", job_report(a_stored_job(), 12, hours, None, [])),
        ("queued-again", job_report(a_stored_job(attempt=2), 2, waiting, None, [])),
        ("begun", job_report(a_stored_job(JobState.RUNNING), 0, None, None, [])),
        ("running", job_report(a_stored_job(JobState.RUNNING, progress=HALF_DONE), 0, waiting, None, [])),
        ("precheck-result", job_report(a_stored_job(JobState.SUCCEEDED), 0, None, RESULT, [])),
        *((f"ended-{state.value.replace(' ', '-')}", _ended(state)) for state in JobState if state.is_over),
    )
    yield from ((f"jobs/{name}", as_text(report)) for name, report in told)
    long = PrecheckResult(SHA, "a-model", "words in common", RESULT.rows * 500)
    summary = job_report(a_stored_job(JobState.SUCCEEDED), 0, None, long, []).summary
    yield "jobs/too-much-to-say", summary[summary.rindex("\n\n") :].strip()


def a_stored_job(state: JobState = JobState.QUEUED, **life: Any) -> StoredJob:
    "A precheck as the bot keeps it."
    return StoredJob(3, a_job(3, JobKind.PRECHECK, state).request, "gpu", 0, NOW, Life(state, **life))


def as_text(report: JobReportView) -> str:
    return f"{report.name}: {report.conclusion or report.status}\n\n# {report.title}\n\n{report.summary}"


def _ended(state: JobState) -> JobReportView:
    message = "" if state is JobState.SUCCEEDED else "The reason that is known."
    return job_report(a_stored_job(state, message=message), 0, None, None, ["loading", "out of memory"])
