"""A small OpenAI-compatible server on loopback with every fault that a transport can have."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter, deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from aiohttp import web

Answer = Callable[[web.Request, bytes], Any]


class TeachingServer:
    """Answers each prompt with words that only the prompt and the seed determine. Use it as a context manager."""

    def __init__(self) -> None:
        self.faults: Callable[[int], str] = lambda number: ""  # by the number of the request
        self.pause_s = 0.0
        self.room: int | None = None  # how many at once before it says 429
        self.gives_many = True
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.at_once = self.most_at_once = self.hung_up = 0
        self.asked = asyncio.Event()
        self.ended: Counter[str] = Counter()
        self.connections: set[Any] = set()
        self.script: deque[Callable[[], web.StreamResponse]] = deque()
        self.refuses_many = False
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=32 * 1024 * 1024)
        app.router.add_post("/v1/chat/completions", self._handle)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def listen(self) -> None:
        self._site = web.TCPSite(self._runner, "127.0.0.1", int(self.url.split(":")[2][:-3]) if self.url else 0)
        await self._site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/v1"

    async def go_away(self) -> None:
        "Take no more connections."
        await self._site.stop()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        number = len(self.bodies)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.connections.add(request.transport)
        try:
            raw = await request.read()
            self.bodies.append(json.loads(raw))
            self.headers.append(dict(request.headers))
            self.asked.set()
            return await self._answer(request, self.bodies[-1], self.faults(number))
        except (asyncio.CancelledError, ConnectionResetError):
            self.hung_up += 1
            raise
        finally:
            self.at_once -= 1

    async def _answer(self, request: web.Request, body: dict[str, Any], fault: str) -> web.StreamResponse:
        if self.script:
            return self.script.popleft()()
        if self.room is not None and self.at_once > self.room:
            return web.Response(status=429)
        if self.refuses_many and body.get("n", 1) > 1:
            return web.json_response({"error": {"message": "n must be 1"}}, status=400)
        await asyncio.sleep(self.pause_s)
        if fault.isdigit():
            return web.json_response({"error": "busy"}, status=int(fault))
        if fault == "silence":
            await asyncio.sleep(60)
        whole = json.dumps(self.reply(body)).encode()
        if fault == "reset":
            assert request.transport is not None
            request.transport.abort()
        if fault == "garbled":
            return web.Response(body=whole[: len(whole) // 2], content_type="application/json")
        if fault in ("cut", "trickle", "endless"):
            return await self._in_pieces(request, whole, fault)
        return web.Response(body=whole, content_type="application/json")

    async def _in_pieces(self, request: web.Request, whole: bytes, fault: str) -> web.StreamResponse:
        response = web.StreamResponse()
        if fault != "endless":
            response.content_length = len(whole)
        await response.prepare(request)
        await response.write(whole[:20])
        while fault == "endless":
            await response.write(b"a" * 100_000)
        while fault == "trickle":
            await asyncio.sleep(0.02)
            await response.write(b" ")
        assert request.transport is not None
        request.transport.close()
        return response

    def reply(self, body: dict[str, Any]) -> dict[str, Any]:
        "What is answered when nothing goes wrong."
        n = body.get("n", 1) if self.gives_many else 1
        choices = []
        for index in range(n):
            words = f"{body['seed'] + index} {[m['content'] for m in body['messages']]} {body['max_tokens']}"
            text = hashlib.sha256(words.encode()).hexdigest()
            cut = "length" if body["max_tokens"] < 5 else "stop"
            message = {"role": "assistant", "content": text}
            choices.append({"index": index, "message": message, "finish_reason": cut})
        return {"choices": choices, "usage": {"prompt_tokens": 10, "completion_tokens": 5 * n}}
