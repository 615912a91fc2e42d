"""A relay that speaks smee's protocol: what is posted to a channel is told to whoever listens to it."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from aiohttp import web


class RelayServer:
    "Channels on loopback, with a counter of messages for each listener, as smee has it; nothing is kept."

    def __init__(self) -> None:
        self.listeners: list[asyncio.Queue[bytes | None]] = []
        self.asked: list[web.Request] = []
        self.answers_with = 200
        self.content_type = "text/event-stream"
        self.separators = (",", ":")
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(client_max_size=64 * 1024**2)
        app.router.add_get("/{channel}", self._listen)
        app.router.add_post("/{channel}", self._post)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/AbCdEf0123456789"

    async def stop(self) -> None:
        self.hang_up()
        if self._runner is not None:
            await self._runner.cleanup()

    def hang_up(self) -> None:
        "Let every connection end."
        for listener in self.listeners:
            listener.put_nowait(None)

    def send(self, raw: bytes) -> None:
        "Send bytes to every listener."
        for listener in self.listeners:
            listener.put_nowait(raw)

    async def is_listened_to(self) -> None:
        "Wait until somebody listens."
        async with asyncio.timeout(10):
            while not self.listeners:
                await asyncio.sleep(0.005)

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        if self.answers_with != 200 or request.headers.get("Accept") != "text/event-stream":
            return web.Response(status=self.answers_with, text="<html>a page</html>", content_type="text/html")
        response = web.StreamResponse(headers={"Content-Type": self.content_type, "Cache-Control": "no-cache"})
        await response.prepare(request)
        await response.write(b"id: 0\nevent: ready\ndata: {}\n\n")
        waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.listeners.append(waiting)
        count = 0
        try:
            while (raw := await waiting.get()) is not None:
                count += 1
                await response.write(raw.replace(b"COUNT", str(count).encode(), 1))
        finally:
            self.listeners.remove(waiting)
        return response

    async def _post(self, request: web.Request) -> web.Response:
        told: dict[str, Any] = {name.lower(): value for name, value in request.headers.items()}
        told |= {"body": await request.json(), "query": dict(request.query), "timestamp": int(time.time() * 1000)}
        text = json.dumps(told, separators=self.separators, ensure_ascii=False)
        self.send(b"id: COUNT\ndata: " + text.encode() + b"\n\n")
        return web.Response()
