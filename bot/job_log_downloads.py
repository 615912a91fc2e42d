"""Handing out the log of a job, also while it grows: only by a signed link, as plain text, harmless to look at."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from http import HTTPStatus

from aiohttp import web

from bot.artifact_downloads import SAFE, door_closed, page
from bot.artifact_links import LOG_NAME, ArtifactLinks, log_of
from bot.clock import Clock
from bot.comments.escape import for_terminals_removed, visible
from bot.store.job_logs import LogPart
from bot.store.jobs import JobStore
from bot.store.stored_jobs import StoredJob

ROUTE = "/logs/{job}/" + LOG_NAME

_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_GONE = (
    "This job is no longer known.\n\n"
    "Write `/status` on the pull request: the answer lists its jobs, with links to their logs."
)


class JobLogDownloads:
    """Answers requests for logs."""

    def __init__(self, links: ArtifactLinks, jobs: JobStore, clock: Clock, keep_for: timedelta) -> None:
        """`keep_for` is how long a log is kept after its job is over."""
        self._links = links
        self._jobs = jobs
        self._clock = clock
        self._keep_for = keep_for

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Return the log as far as it is, or a page that says in plain words why not, and what to do."""
        named = request.match_info["job"]
        job_id = int(named) if _NUMBER.fullmatch(named) else 0
        closed = door_closed(request, self._links, log_of(job_id), LOG_NAME, self._clock)
        if closed is not None:
            return closed
        job = await self._jobs.get(job_id)
        if job is None:
            return page(HTTPStatus.NOT_FOUND, _GONE)
        if job.finished_at is not None and job.finished_at < self._clock.now() - self._keep_for:
            return page(HTTPStatus.NOT_FOUND, no_longer_kept(job, self._keep_for))
        return await send_log(request, job, self._jobs)


async def send_log(request: web.Request, job: StoredJob, jobs: JobStore) -> web.StreamResponse:
    """Send the log as far as it is, as a file; the caller knows that it may be read."""
    response = web.StreamResponse(
        headers={
            **SAFE,
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Disposition": f'attachment; filename="job-{job.id}-{LOG_NAME}"',
        }
    )
    await response.prepare(request)
    if request.method != "HEAD":
        async for text in _log(job, jobs.logs.pages(job.id)):
            await response.write(text.encode())
    await response.write_eof()
    return response


def no_longer_kept(job: StoredJob, keep_for: timedelta) -> str:
    """Say that there is no log any more, and what to do."""
    return (
        f"The log of job {job.id} is no longer kept: that is done for {keep_for.days} days after a job is over.\n\n"
        f"The job is {job.life.state}. If its log is still needed, ask for `/{job.request.kind}` to be run again."
    )


async def _log(job: StoredJob, pages: AsyncIterator[list[LogPart]]) -> AsyncIterator[str]:
    """Yield the log: what it is of, each attempt under its number, and how it ends."""
    request, attempt = job.request, 0
    yield f"Job {job.id}: {request.kind} of pull request {request.number} at {request.head_sha}\n"
    async for parts in pages:
        for part in parts:
            if part.attempt != attempt:
                attempt = part.attempt
                yield f"\n== attempt {attempt} ==\n"
            yield "".join(f"{part.at:%Y-%m-%d %H:%M:%S}Z  {plain_line(line)}\n" for line in part.lines.split("\n"))
    yield f"\n== {'no lines yet' if not attempt else 'end' if job.life.state.is_over else 'so far'}: "
    yield f"the job is {job.life.state} ==\n"


def plain_line(line: str) -> str:
    """Return a line of a log as it can be shown anywhere: without what is invisible or for a terminal."""
    return visible(for_terminals_removed(line).replace("\r", " "))
