"""Jobs: what is computed about pull requests and for builds, how far each is, and what it told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from bot.dashboard import places
from bot.dashboard.job_facts import FileFacts, job_facts
from bot.dashboard.job_frame import opened_job
from bot.dashboard.log_cursor import LogCursor
from bot.dashboard.log_lines import LONGEST_LINE
from bot.dashboard.queue_facts import JobShown, job_shown
from bot.dashboard.registry import Sees
from bot.dashboard.resource_registry import REPOSITORY, CursorWord, Limit, Listed, PullNumber, resource
from bot.dashboard.visit import BadRequestError, Visit
from bot.job_log_downloads import plain_line
from bot.jobs import JobKind, JobState
from bot.store.board_jobs import BoardJobs, JobFilter
from bot.store.board_logs import BoardLogs
from bot.store.job_logs import LogPart

_LIST = "jobs"
_PARTS = 20  # of a log, in one answer
_PRINTED = 8  # characters that are printed for each that is seen, at most
_AFTER = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}-[0-9a-f]{1,16}")
_NO_PLACE = "`after` is no place in a log. Give `next` of the answer before, unchanged; leave it out to begin anew."


@dataclass(frozen=True, slots=True)
class JobQuery:
    """Which jobs are looked for; what is left out does not narrow it."""

    kind: Annotated[JobKind | None, Field(description="Only those of this kind.")] = None
    state: Annotated[JobState | None, Field(description="Only those in this state.")] = None
    pull: PullNumber = 0
    build: Annotated[int, Field(ge=0, le=10**18 - 1, description="Only steps of this build; 0: all.")] = 0
    limit: Limit = 25
    cursor: CursorWord = ""


@dataclass(frozen=True, slots=True)
class JobFacts:
    """A job in full. `share` is its progress from 0 to 1; times in seconds, `gpu_s` while it held a GPU."""

    id: int
    kind: JobKind
    title: str
    state: JobState
    words: str
    message: str
    verdict: str
    pull: int
    build: int
    step: str
    commit: str
    asked_by: str
    share: float | None
    stage: str
    held_because: str
    expected_end: datetime | None
    queued_at: datetime
    begun_at: datetime | None
    finished_at: datetime | None
    attempt: int
    worker: str
    gpu: str
    gpu_s: float
    run_s: float | None
    files: tuple[FileFacts, ...]


@dataclass(frozen=True, slots=True)
class LogQuery:
    """From where on a log is told."""

    after: Annotated[
        str, Field(max_length=40, description="`next` of the answer before. Empty: from the start.")
    ] = ""


@dataclass(frozen=True, slots=True)
class LineFacts:
    """A line of a log: in which attempt and report it came, when, and what it says."""

    attempt: int
    sequence: int
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class LogFacts:
    """Some lines of a log. Ask again `after` `next` until no line comes and `is_over`."""

    lines: tuple[LineFacts, ...]
    next: str
    is_over: bool


@resource(f"{REPOSITORY}/jobs", "Jobs, the newest first", sees=Sees.READERS)
async def jobs(visit: Visit, query: JobQuery) -> Listed[JobShown]:
    """Return a page of what is looked for."""
    (before,) = places.read(_LIST, query.cursor)
    board = BoardJobs(visit.house.reads)
    states = (query.state,) if query.state is not None else ()
    wanted = JobFilter(query.kind, states, query.pull, query.build)
    found = await board.newest(visit.repository_id, wanted, before, query.limit + 1)
    rows = found[: query.limit]
    pulls = await board.titles(visit.repository_id, {row.number for row in rows if row.number})
    nights = await board.build_names({row.build_id for row in rows if row.build_id})
    following = places.written(_LIST, rows[-1].id) if len(found) > query.limit else ""
    return Listed(tuple(job_shown(row, visit.access, pulls, nights) for row in rows), following)


@resource(f"{REPOSITORY}/jobs/{{job}}", "One job", sees=Sees.JUDGED)
async def job(visit: Visit) -> JobFacts:
    """Return it in full."""
    opened = await opened_job(visit)
    request, state = opened.stored.request, opened.stored.life.state
    seen = None if state.is_over else await visit.house.queue.find(opened.id)
    shown = job_facts(opened, seen, (), visit.access, visit.now)
    return JobFacts(
        id=shown.id,
        kind=request.kind,
        title=shown.title,
        state=state,
        words=shown.words,
        message=shown.message,
        verdict=shown.verdict,
        pull=shown.number,
        build=shown.build_id,
        step=shown.step,
        commit=shown.commit,
        asked_by=shown.asked_by,
        share=shown.share,
        stage=shown.stage,
        held_because=shown.held_because,
        expected_end=shown.expected_end,
        queued_at=shown.queued_at,
        begun_at=shown.begun_at,
        finished_at=shown.finished_at,
        attempt=shown.attempt,
        worker=shown.worker,
        gpu=shown.gpu,
        gpu_s=shown.gpu_s,
        run_s=shown.run_s,
        files=shown.files,
    )


@resource(f"{REPOSITORY}/jobs/{{job}}/log", "Lines of a job's log", sees=Sees.JUDGED)
async def log(visit: Visit, query: LogQuery) -> LogFacts:
    """Return the lines that come after a place in the log, some at a time."""
    if query.after and not _AFTER.fullmatch(query.after):
        raise BadRequestError(_NO_PLACE)
    opened = await opened_job(visit)
    board, cursor = BoardLogs(visit.house.reads), LogCursor.read(query.after)
    new = [key for key in await board.keys_after(opened.id, cursor.looks_from) if not cursor.has(key)][:_PARTS]
    parts = await board.parts(opened.id, new)
    for part in parts:
        cursor = cursor.after((part.attempt, part.sequence))
    lines = tuple(line for part in parts for line in _lines(part))
    return LogFacts(lines, str(cursor), opened.stored.life.state.is_over)


def _lines(part: LogPart) -> Iterator[LineFacts]:
    for line in part.lines.split("\n"):
        seen = plain_line(line[: _PRINTED * LONGEST_LINE])[:LONGEST_LINE]
        yield LineFacts(part.attempt, part.sequence, part.at, seen)
