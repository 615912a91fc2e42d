"""The log of a job: as it grows, by server-sent events, and whole, as a file."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus

import aiohttp
from aiohttp import web

from bot.artifact_downloads import page as told
from bot.dashboard.cookies import SessionCookies
from bot.dashboard.headers import safe_headers
from bot.dashboard.job_frame import OpenedJob, opened_job
from bot.dashboard.log_cursor import LogCursor
from bot.dashboard.log_hub import FullHouseError
from bot.dashboard.registry import REPOSITORY, Sees, page
from bot.dashboard.visit import Visit
from bot.job_log_downloads import no_longer_kept, send_log
from bot.store.jobs import JobStore

_RETRY_MS = 3000
_LOOKED_AGAIN = timedelta(seconds=60)  # whether a log is still for whoever watches it
_FULL = (
    "Too many logs are watched just now, by everybody or by you alone. Close other pages, load this one again in a "
    "minute, or read the whole log."
)


@page(REPOSITORY + "/jobs/{job}/log/stream", "Log", sees=Sees.JUDGED)
async def log_stream(visit: Visit) -> web.StreamResponse:
    """Send what the log grows by. `Last-Event-ID`, or `after` at first, says what the browser has."""
    job, request = await opened_job(visit), visit.request
    cursor = LogCursor.read(request.headers.get("Last-Event-ID") or request.query.get("after", ""))
    if request.method == "HEAD":  # there is no end to what only its head was asked of
        return web.Response(headers=_headers(visit))
    transport = request.transport
    try:
        on_cut, hub = transport.abort if transport else _nothing, visit.house.log_hub
        async with hub.listen(job.id, cursor, on_cut, visit.access.user_id) as events:
            response = web.StreamResponse(headers=_headers(visit))
            await response.prepare(request)
            try:
                await response.write(f"retry: {_RETRY_MS}\n\n".encode())
                look_at = visit.now + _LOOKED_AGAIN
                async for event in events:
                    if (now := visit.house.clock.now()) >= look_at:
                        if not await _is_still_theirs(visit, job, now):
                            break
                        look_at = now + _LOOKED_AGAIN
                    await response.write(event.wire)
                await response.write_eof()
            except (ConnectionError, aiohttp.ClientConnectionError):
                pass  # they went away, or were too slow: their browser comes again, and says what it has
            return response
    except FullHouseError:
        return told(HTTPStatus.SERVICE_UNAVAILABLE, _FULL)


@page(REPOSITORY + "/jobs/{job}/log", "Log", sees=Sees.JUDGED)
async def whole_log(visit: Visit) -> web.StreamResponse:
    """Hand out the log as far as it is."""
    job, keep_for = (await opened_job(visit)).stored, visit.house.settings.keeps_logs_for
    if job.finished_at is not None and job.finished_at < visit.now - keep_for:
        return told(HTTPStatus.NOT_FOUND, no_longer_kept(job, keep_for))
    return await send_log(visit.request, job, JobStore(visit.house.reads))


async def _is_still_theirs(visit: Visit, job: OpenedJob, now: datetime) -> bool:
    """Return whether who watches is still signed in, and may still see the log. While GitHub is away, they may."""
    session = await SessionCookies(visit.house.settings, visit.house.sessions).session_of(visit.request, now)
    access = await visit.doors.open(visit.origin, session)
    if visit.session is not None and session is None:
        return False
    return access.is_doubtful or access.reads_data(job.pull.author_id)


def _headers(visit: Visit) -> dict[str, str]:
    is_https = visit.house.settings.public_url.startswith("https://")
    return {
        **safe_headers(is_https=is_https),
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",  # a proxy that gathers what it passes on would show a log late
    }


def _nothing() -> None:
    """Do nothing: there is no connection to break off."""
