"""Handing out the chart of the last builds: an image that the report shows, numbers only, by a signed link."""

from __future__ import annotations

import re
from collections import OrderedDict
from http import HTTPStatus

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.artifact_downloads import SAFE, page
from bot.artifact_links import TREND_NAME, ArtifactLinks, ForgedLinkError
from bot.nightly.build_view import BuildView
from bot.nightly.measures import share_interval
from bot.nightly.report_scores import now_of
from bot.nightly.trend_chart import MEDIA_TYPE, Point, Trend, trend_chart
from bot.nightly.viewing import ViewRoom
from bot.store.builds import BuildStore
from pipeline.evaluation_results import Scale

ROUTE = "/charts/builds/{build}/" + TREND_NAME

_NAMED = re.compile(r"([1-9][0-9]{0,17})\.([1-9][0-9]{0,5})")
_KEPT_FOR_S, _MOST_KEPT = 3600, 32
_FORGED = "This link opens nothing here: it was cut off while it was copied, or made up."
_GONE = "There is no chart here any more. The table in the report says the same."


class TrendDownloads:
    """Answers requests for charts. The last few are kept, for many people look at one report."""

    def __init__(self, links: ArtifactLinks, engine: AsyncEngine, room: ViewRoom) -> None:
        self._links = links
        self._builds = BuildStore(engine)
        self._room = room
        self._kept: OrderedDict[tuple[int, int], str] = OrderedDict()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Return the chart, or a page that says why there is none."""
        named = _NAMED.fullmatch(request.match_info["build"])
        key = (int(named[1]), int(named[2])) if named else (0, 0)
        try:
            self._links.check_trend(*key, request.query.get("signature", ""))
        except ForgedLinkError:
            return page(HTTPStatus.FORBIDDEN, _FORGED)
        chart = self._kept.get(key) or await self._drawn(*key)
        if chart is None:
            return page(HTTPStatus.NOT_FOUND, _GONE)
        headers = {
            **SAFE,
            "Content-Type": f"{MEDIA_TYPE}; charset=utf-8",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
            "Cache-Control": f"public, max-age={_KEPT_FOR_S}",
        }
        return web.Response(text=chart, headers=headers)

    async def _drawn(self, build_id: int, attempt: int) -> str | None:
        build = await self._builds.get(build_id)
        if build is None or build.attempt != attempt or build.state.is_open:
            return None
        chart = trend_chart(trends_of(await self._room.view(build, "")))
        self._kept[(build_id, attempt)] = chart
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return chart


def trends_of(view: BuildView) -> list[Trend]:
    """Return how each benchmark of a build moved over the builds up to it, oldest first."""
    found = []
    for name, row in now_of(view).items():
        before = [
            _point(past.name, score.value, score.n, row.scale)
            for past in reversed(view.past)
            if (score := past.scores.get(name)) is not None
        ]
        found.append(Trend(name, (*before, _point(view.name, row.tuned, row.n, row.scale))))
    return found


def _point(build: str, score: float, n: int, scale: Scale) -> Point:
    """Return a score with its interval; of a judge's scores nobody knows it from their mean alone."""
    return Point(build, score, n, *(share_interval(score, n) if scale is Scale.ACCURACY and n else ()))
