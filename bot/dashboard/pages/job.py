"""The page of one job: what it is, how it stands, what it has made, its log, and how to end it or try it again."""

from __future__ import annotations

import re
from http import HTTPStatus
from urllib.parse import urlencode

from aiohttp import web

from bot.dashboard.access import account_of
from bot.dashboard.job_facts import job_facts
from bot.dashboard.job_frame import OpenedJob, opened_job
from bot.dashboard.log_cursor import BACK, LogCursor
from bot.dashboard.log_lines import shown
from bot.dashboard.registry import REPOSITORY, Sees, deed, page
from bot.dashboard.visit import BadRequestError, NotThereError, Shown, SignInError, Visit
from bot.job_views import made_by
from bot.page_orders import PageOrder, PageOrders
from bot.store.board_jobs import BoardJobs
from bot.store.board_logs import BoardLogs
from bot.store.deliveries import DeliveryStore
from bot.store.job_logs import LogPart

_TAIL_LINES = 200
_PARTS_AT_ONCE = 20
_TOKEN, _FORM = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{32}")
_ORDERS = frozenset({"cancel", "retry"})
_NONSENSE = "This form was not made by this page. Load the page again and choose anew. Nothing was changed."
_OF_A_BUILD = "This job is a step of a build, which ends with it: an operator cancels builds. Nothing was changed."
_NOT_FOR_AUTHORS = "Only triagers, approvers and maintainers may have a job tried again. Nothing was changed."
_NO_FILE = "This job has made no such file. Its page lists those that it has made."


@page(REPOSITORY + "/jobs/{job}", "Job", sees=Sees.JUDGED)
async def job(visit: Visit) -> Shown:
    """Show a job."""
    opened = await opened_job(visit)
    logs, is_over = BoardLogs(visit.house.reads), opened.stored.life.state.is_over
    seen = None if is_over else await visit.house.queue.find(opened.id)
    facts = job_facts(opened, seen, await logs.attempts(opened.id), visit.access, visit.now)
    tail, cursor = await _tail(logs, opened)
    nights = await BoardJobs(visit.house.reads).build_names([facts.build_id] if facts.build_id else [])
    token, done = visit.request.query.get("order", ""), visit.word("done", _ORDERS)
    receipt = None
    if _TOKEN.fullmatch(token) and done and facts.number:
        receipt = await _orders(visit).receipt(visit.repository_id, facts.number, token)
    told = {"job": facts, "tail": tail, "cursor": cursor, "night": nights.get(facts.build_id, "")}
    told |= {"receipt": receipt, "done": done}
    return Shown("job.html", told, f"{facts.title}, job {opened.id}")


@page(REPOSITORY + "/jobs/{job}/files/{sha256}/{name}", "File", sees=Sees.JUDGED)
async def file(visit: Visit) -> web.StreamResponse:
    """Hand out a file that this job has made, as an attachment."""
    opened = await opened_job(visit)
    sha256, name = visit.request.match_info["sha256"], visit.request.match_info["name"]
    if not any((each.sha256, each.name) == (sha256, name) for each in made_by(opened.stored, visit.now)):
        raise NotThereError(_NO_FILE)
    return await visit.house.downloads.send(visit.request, sha256, name)


@deed(REPOSITORY + "/jobs/{job}/cancel", sees=Sees.JUDGED)
async def cancel(visit: Visit) -> web.StreamResponse:
    """Have the job cancelled, as `/cancel` does."""
    return await _ordered(visit, await opened_job(visit), "cancel")


@deed(REPOSITORY + "/jobs/{job}/retry", sees=Sees.JUDGED)
async def retry(visit: Visit) -> web.StreamResponse:
    """Have the job tried again, as `/retry` does."""
    opened = await opened_job(visit)
    if not visit.access.triages:
        raise BadRequestError(_NOT_FOR_AUTHORS)
    return await _ordered(visit, opened, "retry")


async def _ordered(visit: Visit, opened: OpenedJob, command: str) -> web.StreamResponse:
    """Store the order, and lead to what comes of it. Whether it counts, the desk decides."""
    session, request = visit.session, opened.stored.request
    if session is None:
        raise SignInError("Sign in first: what you do here is done in your name.")
    if request.is_of_build:
        raise BadRequestError(_OF_A_BUILD)
    form = (await visit.request.post()).get("form", "")
    if not isinstance(form, str) or not _FORM.fullmatch(form):
        raise BadRequestError(_NONSENSE)
    head = opened.pull.head_sha or request.head_sha
    actor, number = account_of(session), request.number
    order = PageOrder(visit.origin, number, actor, command, str(opened.id), head, form, visit.now)
    visit.count_order(session)
    query = urlencode({"order": await _orders(visit).give(order), "done": command})
    there = visit.path(f"/jobs/{opened.id}?{query}")
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": there})


def _orders(visit: Visit) -> PageOrders:
    return PageOrders(visit.house.inbox, DeliveryStore(visit.house.engine))


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
