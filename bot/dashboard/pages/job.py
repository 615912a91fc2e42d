"""The page of one job: what it is, how it stands, what it has made, its log, and how to end it or try it again."""

from __future__ import annotations

from aiohttp import web

from bot.dashboard.job_facts import job_facts
from bot.dashboard.job_frame import OpenedJob, opened_job
from bot.dashboard.log_cursor import BACK, LogCursor
from bot.dashboard.log_lines import shown
from bot.dashboard.registry import REPOSITORY, Sees, page
from bot.dashboard.visit import NotThereError, Shown, Visit
from bot.job_views import made_by
from bot.store.board_jobs import BoardJobs
from bot.store.board_logs import BoardLogs
from bot.store.job_logs import LogPart

_TAIL_LINES = 200
_PARTS_AT_ONCE = 20
_NO_FILE = "This job has made no such file. Its page lists those that it has made."


@page(REPOSITORY + "/jobs/{job}", "Job", sees=Sees.JUDGED)
async def job(visit: Visit) -> Shown:
    """Show a job."""
    opened = await opened_job(visit)
    logs, is_over = BoardLogs(visit.house.engine), opened.stored.life.state.is_over
    seen = None if is_over else await visit.house.queue.find(opened.id)
    facts = job_facts(opened, seen, await logs.attempts(opened.id), visit.access, visit.now)
    tail, cursor = await _tail(logs, opened)
    nights = await BoardJobs(visit.house.engine).build_names([facts.build_id] if facts.build_id else [])
    told = {"job": facts, "tail": tail, "cursor": cursor, "night": nights.get(facts.build_id, "")}
    return Shown("job.html", told, f"{facts.title}, job {opened.id}")


@page(REPOSITORY + "/jobs/{job}/files/{sha256}/{name}", "File", sees=Sees.JUDGED)
async def file(visit: Visit) -> web.StreamResponse:
    """Hand out a file that this job has made, as an attachment."""
    opened = await opened_job(visit)
    sha256, name = visit.request.match_info["sha256"], visit.request.match_info["name"]
    if not any((each.sha256, each.name) == (sha256, name) for each in made_by(opened.stored, visit.now)):
        raise NotThereError(_NO_FILE)
    return await visit.house.downloads.send(visit.request, sha256, name)


async def _tail(logs: BoardLogs, opened: OpenedJob) -> tuple[str, LogCursor]:
    """Return the last lines of the log, and where somebody is who has read them."""
    keys = await logs.newest_keys(opened.id, BACK)
    parts: list[LogPart] = []
    rest = keys
    while rest and sum(part.lines.count("\n") + 1 for part in parts) < _TAIL_LINES:
        rest, some = rest[:-_PARTS_AT_ONCE], rest[-_PARTS_AT_ONCE:]
        parts = await logs.parts(opened.id, some) + parts
    lines = shown(parts).splitlines(keepends=True)
    return "".join(lines[-_TAIL_LINES:]), LogCursor.at_the_end_of(keys)
