"""The check runs of jobs: how they stand, and what came of them; and why a job is not queued."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import time, timedelta
from typing import Any

from bot.budgets import Budget, Spent, held_because, refusal
from bot.comments.job_report import JobReportView, gone_on, job_report
from bot.comments.notices import not_run_again
from bot.job_flow import Lease, Life, Patience, looked_after
from bot.job_leases import NO_LONGER_LET_THROUGH, NO_LONGER_NEWEST, why_unread
from bot.job_prospects import Prospects
from bot.job_views import NO_WORKER
from bot.jobs import (
    FileLink,
    Job,
    JobFiles,
    JobKind,
    JobRequest,
    JobState,
    JobsUnavailableError,
    NoJobs,
    has_not_failed,
    no_such_job,
)
from checks.contribution import Login
from pipeline.contract import VERSION, Progress, Queue, SpecRefusal
from pipeline.evaluation_results import ModelIdentity, SeedCheckResult, SeedCheckRow
from tests.bot.situations import NOW, SHA, a_job

HALF_DONE = Progress(0.5, "asking the model")
SOON, HOURS, TOMORROW = (Prospects(NOW, timedelta(minutes=m)) for m in (12, 200, 1000))
ADDRESS = "https://bot.example"
LOG = FileLink("log.txt", None, f"{ADDRESS}/logs/3/log.txt?expires=1&signature=2")
FILES = JobFiles(
    (FileLink("precheck.json", 2345, f"{ADDRESS}/artifacts/{'d' * 64}/precheck.json?expires=1&signature=2"), LOG),
    NOW + timedelta(days=7),
)
UNREACHABLE = JobFiles((FileLink("precheck.json", 2345, ""), FileLink("log.txt", None, "")), FILES.until)
RESULT = SeedCheckResult(
    head_sha=SHA,
    base=ModelIdentity("a-model-of-7b"),
    method="words in common",
    rows=(
        SeedCheckRow("Which bird dives for fish?", "The kingfisher.", "A kingfisher.", 0.9),
        SeedCheckRow("Which bird is the smallest?", "The bee hummingbird.", "I do not know.", 0.1),
    ),
    answered_from=0.75,
    known_from=0.8,
    unanswered=1,
)


def words() -> Iterator[tuple[str, str]]:
    "Yield each job's name and what its check run shows."
    running = a_precheck(JobState.RUNNING, begun_at=NOW, files=JobFiles((LOG,), FILES.until))
    told = (
        ("queued", job_report(a_precheck(position=1))),
        ("queued-with-a-forecast", job_report(a_precheck(position=3, prospects=SOON))),
        ("queued-at-a-cost", job_report(replace(a_precheck(position=3, prospects=SOON), expected_gpu_h=0.5))),
        ("queued-at-little-cost", job_report(replace(a_precheck(position=3, prospects=SOON), expected_gpu_h=0.02))),
        ("queued-for-hours", job_report(a_precheck(position=12, prospects=HOURS))),
        ("queued-until-tomorrow", job_report(a_precheck(position=112, prospects=TOMORROW))),
        ("queued-again", job_report(a_precheck(position=2, prospects=SOON, attempt=2, message="The worker died."))),
        *(
            (
                f"queued-{name}",
                job_report(a_precheck(position=2, prospects=Prospects(NOW, None, because))),
            )
            for name, because in _holds()
        ),
        ("begun", job_report(replace(running, files=JobFiles()))),
        ("running", job_report(replace(running, progress=HALF_DONE, prospects=SOON))),
        ("gone-on-elsewhere", gone_on(job_report(a_precheck(position=1)), "d00d" * 10)),
        ("precheck-result", job_report(a_precheck(JobState.SUCCEEDED, files=FILES), RESULT)),
        ("files-without-an-address", job_report(a_precheck(JobState.SUCCEEDED, files=UNREACHABLE), RESULT)),
        *((f"ended-{state.value.replace(' ', '-')}", _ended(state)) for state in JobState if state.is_over),
    )
    yield from ((f"jobs/{name}", as_text(report)) for name, report in told)
    long = replace(RESULT, rows=RESULT.rows * 500)
    summary = job_report(a_precheck(JobState.SUCCEEDED, files=FILES), long).summary
    yield "jobs/too-much-to-say", summary[summary.index("…") :].strip()
    yield from ((f"jobs/refused-{name}", text) for name, text in _refusals())
    yield from ((f"jobs/message-{name}", text) for name, text in _messages())
    yield "jobs/not-run-again", not_run_again("mallory", 3, "Only a triager may do this.")


def a_precheck(state: JobState = JobState.QUEUED, **changes: Any) -> Job:
    "A precheck as people see it."
    return replace(a_job(3, JobKind.PRECHECK, state), **changes)


def as_text(report: JobReportView) -> str:
    return f"{report.name}: {report.conclusion or report.status}\n\n# {report.title}\n\n{report.summary}"


def _ended(state: JobState) -> JobReportView:
    message = "" if state is JobState.SUCCEEDED else "The reason that is known."
    ended = a_precheck(state, message=message, files=FILES)
    return job_report(ended, None, ["loading", "\x1b[31mout of memory\x1b[0m"])


def _refusals() -> Iterator[tuple[str, str]]:
    """Why a job cannot be queued, each with when to try again."""
    limited = Budget(gpu_h_per_day=8.0, gpu_h_per_month=100.0, quiet_from=time(8), quiet_until=time(18))
    nothing = Spent(0, 0, 0, 0.0, 0.0)
    for name, spent in (
        ("paused", replace(nothing, is_paused=True)),
        ("too-many-of-one-pull-request", replace(nothing, going_of_pull=4)),
        ("too-many-of-one-author", replace(nothing, of_author_today=20)),
        ("a-long-queue", replace(nothing, waiting_in_queue=500)),
        ("hours-of-the-day", replace(nothing, gpu_h_today=7.5)),
        ("hours-of-the-month", replace(nothing, gpu_h_this_month=99.5)),
    ):
        yield name, refusal(JobKind.EVALUATE, limited, spent, 1.0, NOW)
    night = Budget(nightly_gpu_h=8.0)
    for name, cost in (("hours-of-the-night", 1.0), ("longer-than-a-night", 9.0)):
        spent = replace(nothing, nightly_h=7.5)
        yield name, refusal(JobKind.EVALUATE, night, spent, cost, NOW, is_nightly=True)
    spent = replace(nothing, nightly_h=7.5)
    step = refusal(JobKind.TRAIN, night, spent, 9.0, NOW, is_nightly=True, is_of_build=True)
    yield "a-step-longer-than-a-night", step
    yield "no-workers", asyncio.run(_refused_without_workers())
    yield "nothing-to-retry", has_not_failed(3)
    yield "no-such-job", no_such_job(3)


def _holds() -> Iterator[tuple[str, str]]:
    """Why a job that waits does not begin."""
    quiet = Budget(quiet_from=time(8), quiet_until=time(18), nightly_gpu_h=8.0)
    yield "without-a-worker", NO_WORKER
    yield "while-paused", held_because(Queue.EVAL, NOW, Budget(), True)
    yield "in-quiet-hours", held_because(Queue.EVAL, NOW, quiet, False)
    night = Budget(nightly_gpu_h=8.0)
    taken = held_because(Queue.EVAL, NOW, night, False, is_nightly=True, nightly_h=8.0, expected_gpu_h=1.0)
    yield "after-the-night", taken


async def _refused_without_workers() -> str:
    request = JobRequest(1, 1, JobKind.PRECHECK, SHA, 8, Login("tess"), "comment:1:1")
    try:
        await NoJobs().submit(request, NOW)
    except JobsUnavailableError as error:
        return str(error)
    raise AssertionError("a job was queued without workers")


def _messages() -> Iterator[tuple[str, str]]:
    """What the bot itself writes down as the reason of an end."""
    lease = Lease("worker-1", "d" * 64, NOW, NOW, NOW + timedelta(hours=4))
    running = Life(JobState.RUNNING, infra_retries=2, lease=lease)
    patience = Patience()
    yield "too-long", looked_after(running, NOW + timedelta(hours=4), patience).message
    yield "silent", looked_after(running, NOW + timedelta(minutes=2), patience).message
    unread = SpecRefusal(3, 1, "worker-1", VERSION, f"job-spec has a field that version {VERSION} does not know.")
    yield "unreadable", why_unread(unread)
    yield "unreadable-for-an-older-worker", why_unread(replace(unread, knows=VERSION - 1))
    yield "no-longer-newest", NO_LONGER_NEWEST
    yield "no-longer-let-through", NO_LONGER_LET_THROUGH
