"""The first page: the repositories that are served."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from bot.dashboard.registry import Sees, page
from bot.dashboard.visit import Shown, Visit


@page("/", "Taxonomy bot", sees=Sees.ANYBODY)
async def front(visit: Visit) -> Shown | web.StreamResponse:
    """Lead to the repository; where there are several, let the reader choose."""
    opened = [await visit.doors.open(origin, visit.session) for origin in await visit.doors.all_known()]
    readable = [access.origin for access in opened if access.reads]
    if len(readable) == 1:
        there = f"{visit.house.settings.base_path}/r/{readable[0].full_name}"
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": there})
    return Shown("front.html", {"repositories": readable, "are_hidden": len(opened) > len(readable)})
