"""A small OpenAI-compatible server: answers at once, slowly, or not at all, as a test wishes."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web


class ModelServer:
    """Answers every question with words of it."""

    def __init__(self) -> None:
        self.pause_s = 0.0
        self.status = 200
        self.asked: list[dict[str, Any]] = []
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        "Listen on loopback."
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)  # whoever asked may be gone
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/v1"

    async def stop(self) -> None:
        "Stop listening."
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        await asyncio.sleep(self.pause_s)
        if self.status != 200:
            return web.Response(status=self.status)
        text = body["messages"][0]["content"]
        return web.json_response({"choices": [{"message": {"role": "assistant", "content": text[-80:]}}]})
