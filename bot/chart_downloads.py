"""Handing out the chart of an evaluation: an image that comments show, numbers only, by a signed link."""

from __future__ import annotations

import re
from http import HTTPStatus

from aiohttp import web

from bot.artifact_downloads import SAFE, page
from bot.artifact_links import CHART_NAME, ArtifactLinks, ForgedLinkError
from bot.evaluation_chart import MEDIA_TYPE, evaluation_chart
from bot.job_results import result_of
from bot.store.jobs import JobStore
from pipeline.artifacts import ArtifactStore
from pipeline.evaluation_results import EvaluateResult

ROUTE = "/charts/{job}/" + CHART_NAME

_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_KEPT_FOR_S = 3600  # by those who show it again: a finished job's chart does not change
_FORGED = "This link opens nothing here: it was cut off while it was copied, or made up."
_GONE = "There is no chart here any more. The table in the comment says the same."


class ChartDownloads:
    """Answers requests for charts."""

    def __init__(self, links: ArtifactLinks, jobs: JobStore, artifacts: ArtifactStore) -> None:
        self._links = links
        self._jobs = jobs
        self._artifacts = artifacts

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Return the chart, or a page that says why there is none."""
        named = request.match_info["job"]
        job_id = int(named) if _NUMBER.fullmatch(named) else 0
        try:
            self._links.check_chart(job_id, request.query.get("signature", ""))
        except ForgedLinkError:
            return page(HTTPStatus.FORBIDDEN, _FORGED)
        job = await self._jobs.get(job_id)
        result = await result_of(job, self._artifacts) if job is not None else None
        if not isinstance(result, EvaluateResult):
            return page(HTTPStatus.NOT_FOUND, _GONE)
        headers = {
            **SAFE,
            "Content-Type": f"{MEDIA_TYPE}; charset=utf-8",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
            "Cache-Control": f"public, max-age={_KEPT_FOR_S}",
        }
        return web.Response(text=evaluation_chart(result), headers=headers)
