"""A server of models that says what a story has it say, by OpenAI's protocol, with faults where they are wanted."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from pipeline.openai_protocol import shapes
from pipeline.openai_protocol.http import listen


class TalkingServer:
    "Use it as an async context manager. `says` holds for each model the pieces of its answer."

    def __init__(self, **says: list[str]) -> None:
        self.says: dict[str, list[str]] = says
        self.url = ""
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.loaded: dict[str, str] = {}
        self.takes_adapters = True
        self.raw: bytes | None = None  # in place of an answer's events
        self.status = 200
        self.goes_on = asyncio.Event()  # until then an answer stops after its first piece
        self.goes_on.set()
        self.at_work = self.most_at_once = self.hung_up = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/load_lora_adapter", self._load)
        app.router.add_post("/v1/unload_lora_adapter", self._unload)
        self._runner, self.url = await listen(app, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leaves()

    async def leaves(self) -> None:
        "Be away from now on."
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _models(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers.get("Authorization", ""))
        base = next(iter(self.says))
        entries = [
            shapes.model_entry(name, "tests", 0, parent=base if name in self.loaded else None, max_model_len=100)
            for name in self.says
        ]
        return web.json_response(shapes.model_list(entries))

    async def _load(self, request: web.Request) -> web.Response:
        if not self.takes_adapters:
            raise web.HTTPNotFound
        body = await request.json()
        self.loaded[body["lora_name"]] = body["lora_path"]
        self.says.setdefault(body["lora_name"], ["tuned on it"])
        return web.Response(text="Success")

    async def _unload(self, request: web.Request) -> web.Response:
        name = (await request.json())["lora_name"]
        del self.loaded[name], self.says[name]
        return web.Response(text="Success")

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body)
        if self.status != 200:
            error = {"error": {"message": "no memory\x1b[31m left"}}
            return web.json_response(error, status=self.status, headers={"Location": "http://127.0.0.1:9/v1"})
        self.at_work += 1
        self.most_at_once = max(self.most_at_once, self.at_work)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        try:
            await response.prepare(request)
            if self.raw is not None:
                await response.write(self.raw)
            else:
                await self._write(response, self.says[body["model"]])
        except (ConnectionError, asyncio.CancelledError):
            self.hung_up += 1
            raise
        finally:
            self.at_work -= 1
        return response

    async def _write(self, response: web.StreamResponse, pieces: list[str]) -> None:
        for number, piece in enumerate(pieces):
            event = {"choices": [shapes.text_part(0, piece, is_chat=True, logprobs=None)]}
            await response.write(b"data: " + json.dumps(event).encode() + b"\n\n")
            if not number:
                await self.goes_on.wait()
        await response.write(shapes.DONE)
