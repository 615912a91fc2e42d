"""Jobs in words: what is being computed of a pull request, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from bot.comments.escape import code, escape, short
from bot.job_prospects import Prospects
from bot.jobs import OF_PULLS, FileLink, Job, JobFiles, JobState
from pipeline.contract import Progress

LONGEST_MESSAGE, LONGEST_STAGE = 500, 100  # characters of what workers say
_MOST_IN_STATUS, _LONGEST_IN_STATUS = 20, 120  # jobs, and characters of what their workers say
_WITH_FILES = 5
_ENDS = {
    JobState.SUCCEEDED: "is done.",
    JobState.FAILED_BY_CONTRIBUTION: "could make nothing of these examples; a triager looks why.",
    JobState.INFRA_ERROR: "broke down: our fault, not yours. `/retry` has it tried again.",
    JobState.TIMED_OUT: "took too long and was ended. `/retry` has it tried again.",
    JobState.CANCELLED: "was cancelled.",
}
_FIRST_WORDS = "Being computed: "
_BEING_COMPUTED = re.compile(rf"\n\n{_FIRST_WORDS}(?:{'|'.join(OF_PULLS)}) \([^\n]*\)\.(?=\n)")


def job_lines(jobs: Iterable[Job], head_sha: str) -> Iterator[str]:
    """Yield one line for all that is being computed, and one for the newest end of each kind at the head."""
    newest = {job.request.kind: job for job in jobs if job.state is not JobState.SUPERSEDED}
    going = [job for job in newest.values() if not job.state.is_over]
    if going:
        yield f"{_FIRST_WORDS}{', '.join(f'{job.request.kind} ({_forecast(job)})' for job in going)}."
    for job in newest.values():
        if job.state.is_over and job.request.head_sha == head_sha:
            yield f"The job {code(job.request.kind)} {_ENDS[job.state]}"


def nothing_computed(body: str) -> str:
    """Return a living comment of ours without the line that tells of what is being computed, if it has one."""
    return _BEING_COMPUTED.sub("", body, count=1)


def jobs_in_full(jobs: Iterable[Job]) -> Iterator[str]:
    """Yield a list item for each of the newest jobs, the newest first; some with links to their files."""
    newest = sorted(jobs, key=lambda job: -job.id)
    for place, job in enumerate(newest[:_MOST_IN_STATUS]):
        files = files_in_words(job.files) if place < _WITH_FILES else ""
        yield f"- {job_in_full(job)}{f'<br>{files}' if files else ''}"
    if len(newest) > _MOST_IN_STATUS:
        yield f"- … and {len(newest) - _MOST_IN_STATUS} older ones"


def job_in_full(job: Job) -> str:
    """Return a job with its number, its commit and how it stands: "Job 3, generate at `1a2b3c4`: running"."""
    cost = cost_in_words(job)
    told = f", {cost}" if cost else ""
    if job.state is JobState.RUNNING and job.progress is not None:
        told = f", {share_of(job.progress):.0%} ({escape(short(job.progress.stage, LONGEST_STAGE))})"
    if job.prospects.held_because:
        told += f". {job.prospects.held_because}"
    if job.state.is_over and job.message:
        told = f". {escape(short(job.message, _LONGEST_IN_STATUS))}"
    about = _in_about(job.prospects)
    return f"Job {job.id}, {job.request.kind} at {code(job.request.head_sha[:7])}: {stage(job)}{told}{about}"


def stage(job: Job) -> str:
    """Return how a job stands, with its place while it waits: "2nd in the queue"."""
    if job.state is not JobState.QUEUED:
        return job.state.value
    place = "next in the queue" if job.position == 1 else f"{_ordinal(job.position)} in the queue"
    return f"{place}, held up for now" if job.prospects.held_because else place


def _forecast(job: Job) -> str:
    """Return how a job stands, its cost and by when it should be done, in words that stay true for a while."""
    at = by_when(job.prospects)
    return ", ".join(part for part in (stage(job), cost_in_words(job), at and f"done {at}") if part)


def cost_in_words(job: Job) -> str:
    """Return what a job that waits should cost: "about 0.5 GPU hours"; empty where hours are not limited."""
    if job.expected_gpu_h is None:
        return ""
    if job.expected_gpu_h < 0.05:
        return "less than 0.1 GPU hours"
    return f"about {job.expected_gpu_h:.1f} GPU hours"


def by_when(prospects: Prospects) -> str:
    """Return when a job should be done, as a time of the clock: "about 12:15 UTC"; empty where nobody knows."""
    if prospects.seen_at is None or prospects.done_at is None:
        return ""
    done_in = prospects.done_at - prospects.seen_at
    step_s = 300 if done_in < timedelta(hours=2) else 1800
    at = datetime.fromtimestamp(-(-prospects.done_at.timestamp() // step_s) * step_s, UTC)
    day = "" if at.date() == prospects.seen_at.date() else f" on {at.day} {at:%B}"
    return f"about {at:%H:%M} UTC{day}"


def _in_about(prospects: Prospects) -> str:
    if prospects.done_in is None:
        return ""
    return f", done in about {_span(prospects.done_in)} ({by_when(prospects).removeprefix('about ')})"


def _span(wait: timedelta) -> str:
    minutes = max(1, round(wait.total_seconds() / 60))
    if minutes < 90:
        return "a minute" if minutes == 1 else f"{minutes} minutes"
    hours = round(minutes / 60)
    return f"{hours} hours" if hours < 48 else f"{round(hours / 24)} days"


def share_of(progress: Progress) -> float:
    """Return how far a worker tells to be, as a share that there can be."""
    return min(1.0, max(0.0, progress.share))


def files_in_words(files: JobFiles) -> str:
    """Return links to the files, and until when they work; empty when there are none."""
    if not files.links:
        return ""
    shown = ", ".join(_linked(each) for each in files.links)
    if not files.links[0].url or files.until is None:
        return f"Kept: {shown}. The people who run the bot hand them out: it has no public address."
    until = f"{files.until.day} {files.until:%B %Y}, {files.until:%H:%M} UTC"
    return f"Files: {shown}. These links work until {until}; `/status` gives new ones."


def _linked(file: FileLink) -> str:
    name = f"[{code(file.name)}]({file.url})" if file.url else code(file.name)
    return name if file.size is None else f"{name} ({_size(file.size)})"


def _size(size: int) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size = size // 1000
    return f"{size:,} GB"


def _ordinal(number: int) -> str:
    endings = {} if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{endings.get(number % 10, 'th')}"
