"""Jobs: what waits, what it came to, what it took, and what was generated."""

from __future__ import annotations

from bot.jobs import JobState
from bot.metrics.book import BOOK, JOB_KIND, LONG_WAITS_S, QUEUE
from bot.store.stored_jobs import StoredJob
from pipeline.metering import Label
from pipeline.results import GenerateResult

_END = Label("end", "the state in which it ended").of(state.value for state in JobState if state.is_over)
_LOSS = Label("reason", "why the attempt came to nothing").of(
    ("told by the worker", "worker silent", "not readable", "handed back")
)
_WHY = Label("reason", "in the words of the flow, such as that the judge found the answer not supported", most=60)

WAITING = BOOK.shown("jobs_waiting", "Jobs that wait for a worker.", QUEUE)
RUNNING = BOOK.shown("jobs_running", "Jobs that a worker has.", QUEUE)
OPEN = BOOK.shown("jobs_open", "Jobs that wait or that a worker has: what an autoscaler goes by.", QUEUE)
OLDEST = BOOK.shown(
    "oldest_job_waiting_seconds",
    "How long the oldest of the first fifty in line has waited; 0 when none does.",
    QUEUE,
)
WORKERS = BOOK.shown(
    "workers", "Workers that were heard of in the last minute, told by the leading replica.", QUEUE
)
ENDED = BOOK.count("jobs_ended_total", "Jobs that are over.", JOB_KIND, _END)
LOST = BOOK.count("job_attempts_lost_total", "Attempts that ended without an end of the job.", JOB_KIND, _LOSS)
WAITED_S = BOOK.spread(
    "job_wait_seconds", "From the moment a job was queued until a worker had it.", QUEUE, buckets=LONG_WAITS_S
)
TOOK_S = BOOK.spread(
    "job_run_seconds", "How long the last attempt of a job ran, as its worker told.", JOB_KIND, buckets=LONG_WAITS_S
)
GPU_S = BOOK.count("gpu_seconds_total", "Seconds that workers held jobs on GPU queues.", JOB_KIND)
ROWS = BOOK.count("sdg_rows_total", "Rows that generation was done with, kept or dropped.")
KEPT = BOOK.count("sdg_samples_kept_total", "Samples that generation kept.")
DROPPED = BOOK.count("sdg_samples_dropped_total", "Rows that generation dropped on the way to a sample.", _WHY)
TOKENS = BOOK.count("teacher_tokens_total", "Tokens that teacher and critic read and wrote for generation.")


def changed(before: StoredJob, after: StoredJob) -> bool:
    """Count what happened to a job. Return whether it is over now and was not before."""
    kind, was, now = after.request.kind.value, before.life, after.life
    GPU_S.add(kind, by=after.gpu_s - before.gpu_s)
    if was.state is JobState.QUEUED and now.state is JobState.RUNNING and now.lease is not None:
        WAITED_S.note(max(0.0, (now.lease.since - after.queued_at).total_seconds()), after.queue)
    if not was.state.is_over and now.attempt > was.attempt:
        LOST.add(kind, _reason(before, after))
    is_end = now.state.is_over and not was.state.is_over
    if is_end:
        ENDED.add(kind, now.state.value)
        if now.outcome is not None:
            TOOK_S.note(now.outcome.run_s, kind)
    return is_end


def generated(result: GenerateResult) -> None:
    """Count what a job generated; what was there from an earlier job is not counted again."""
    if result.is_old:
        return
    for leaf in result.leaves:
        ROWS.add(by=leaf.kept + sum(leaf.dropped.values()))
        KEPT.add(by=leaf.kept)
        for reason, count in leaf.dropped.items():
            DROPPED.add(reason, by=count)
        TOKENS.add(by=sum(block.tokens for block in (*leaf.blocks, *leaf.measuring)))


def _reason(before: StoredJob, after: StoredJob) -> str:
    if after.life.hand_backs > before.life.hand_backs:
        return "handed back"
    if after.life.outcome is not None:
        return "told by the worker"
    return "worker silent" if before.life.lease is not None else "not readable"
