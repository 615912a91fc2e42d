"""The port for Prometheus: apart from the public one, for whoever reaches it reads everything that is counted."""

from __future__ import annotations

import asyncio
import time
from importlib.metadata import version

import structlog
from aiohttp import web

from bot.metrics import house
from bot.metrics.reading import BOOK, Reading, Sources

log = structlog.get_logger()

PATH = "/metrics"
_SLEEP_S = 0.5


class MetricsPort:
    """Answers scrapes, and watches meanwhile whether the event loop keeps up."""

    def __init__(self, sources: Sources, host: str, port: int) -> None:
        self._reading = Reading(sources)
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen; with port 0 nothing is done. Raises OSError where the port is taken."""
        if not self._port:
            return
        house.INFO.set(1.0, version("taxonomy-bot"))
        app = web.Application()
        app.router.add_get(PATH, self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self._watch = asyncio.create_task(_watch_the_loop(), name="event loop watch")
        log.info("metrics.listening", host=self._host, port=self._port)

    async def stop(self) -> None:
        """Stop."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        began = time.perf_counter()
        await self._reading.refresh()
        body, content_type = BOOK.exposition(request.headers.get("Accept", ""))
        house.SCRAPE_S.note(time.perf_counter() - began)
        return web.Response(body=body, headers={"Content-Type": content_type})


async def _watch_the_loop() -> None:
    while True:
        began = time.monotonic()
        await asyncio.sleep(_SLEEP_S)
        house.LAG_S.note(max(0.0, time.monotonic() - began - _SLEEP_S))
