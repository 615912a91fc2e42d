"""The offline teacher's server: OpenAI's protocol on loopback, with a known delay, so many slots, and faults."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiohttp import web

from pipeline.openai_protocol.fields import RequestError
from pipeline.openai_protocol.http import JSON, error, guard, listen
from pipeline.tiny import MODEL_ID, NAME, responses
from pipeline.tiny.dice import Dice
from pipeline.tiny.faults import IN_CONTENT, Fault, Faults, Kind, read_fault, spoiled_body, spoiled_text
from pipeline.tiny.prompt import Prompt, read_prompt
from pipeline.tiny.replies import reply_to
from pipeline.tiny.requests import Asked, read_request
from pipeline.tiny.responses import Answer, choice_of

_MOST_BYTES = 32 * 1024 * 1024
_SAID = {
    Kind.RATE_LIMIT: (429, "Too many requests. Try again a little later.", "requests", "rate_limit_exceeded"),
    Kind.ERROR: (500, "The server had an error while it worked on the request.", "server_error", None),
    Kind.OVERLOAD: (503, "The server is overloaded. Try again later.", "server_error", "overloaded"),
}


@dataclass(slots=True)
class Counts:
    """What the server has seen since its start."""

    requests: int = 0
    answered: int = 0
    under_way: int = 0
    most_under_way: int = 0
    most_in_slots: int = 0


class OfflineTeacher:
    """Rules that answer like a model's server: `async with OfflineTeacher() as teacher: ... teacher.url`.

    Every prompt takes one of `slots` for `delay_ms`; others wait in line, or get 429 where the line is longer than
    `line`. A fault is a `Fault` or written like "429:0.2". Units: milliseconds.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        delay_ms: float = 0.0,
        slots: int = 0,
        line: int | None = None,
        faults: Sequence[Fault | str] = (),
        fault_seed: int = 0,
        slow_ms: float = 2000.0,
        retry_after_s: float = 0.0,
        models: Sequence[str] = (),
        api_key: str = "",
    ) -> None:
        self.url = ""
        self.counts = Counts()
        self.faults = Faults([read_fault(f) if isinstance(f, str) else f for f in faults], fault_seed)
        self._host, self._port = host, port
        self._delay_s, self._slow_s = delay_ms / 1000, slow_ms / 1000
        self._retry_after_s = retry_after_s
        self._slots = asyncio.Semaphore(slots) if slots else None
        self._line = line
        self._busy = 0
        self._models = (MODEL_ID, NAME, *models)
        self._api_key = api_key
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_MOST_BYTES, middlewares=[guard(self._api_key)])
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/completions", self._completion)
        app.router.add_get("/v1/models", self._list_models)
        app.router.add_get("/v1/models/{model}", self._show_model)
        app.router.add_get("/health", self._health)
        app.router.add_get("/stats", self._stats)
        self._runner, self.url = await listen(app, self._host, self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, is_chat=True)

    async def _completion(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, is_chat=False)

    async def _list_models(self, _request: web.Request) -> web.Response:
        return web.Response(body=responses.models(self._models), content_type=JSON)

    async def _show_model(self, request: web.Request) -> web.Response:
        if (name := request.match_info["model"]) not in self._models:
            raise RequestError(f"The model '{name}' does not exist.", "model", "model_not_found", 404)
        return web.Response(body=responses.model(name), content_type=JSON)

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response(text="")

    async def _stats(self, _request: web.Request) -> web.Response:
        seen = self.counts
        return web.json_response(
            {
                "server": NAME,
                "requests": seen.requests,
                "answered": seen.answered,
                "most_under_way": seen.most_under_way,
                "most_in_slots": seen.most_in_slots,
                "faults": dict(self.faults.counts),
                "cpu_s": time.process_time(),
            }
        )

    async def _serve(self, request: web.Request, *, is_chat: bool) -> web.StreamResponse:
        asked = read_request(await request.read(), is_chat=is_chat, models=self._models)
        prompts = [read_prompt(*messages) for messages in asked.prompts]
        with self._under_way():
            if self._slots is not None and self._slots.locked() and self._is_line_full():
                return self._failed(Kind.RATE_LIMIT)
            fault = self.faults.strike(asked.digest, prompts[0].task)
            if fault in _SAID:
                return self._failed(fault)
            if fault is Kind.RESET:
                return _reset(request)
            if fault is Kind.SILENT:
                await asyncio.Event().wait()  # until whoever asked hangs up
            if self._slots is None:
                return await self._answer(request, asked, prompts, fault)
            async with asyncio.TaskGroup() as others:
                for _ in prompts[1:]:
                    others.create_task(self._hold(self._slots))
                async with self._slots:
                    return await self._answer(request, asked, prompts, fault)

    async def _hold(self, slots: asyncio.Semaphore) -> None:
        """Take a slot for one more prompt of a request."""
        async with slots:
            self._busy += 1
            self.counts.most_in_slots = max(self.counts.most_in_slots, self._busy)
            try:
                await asyncio.sleep(self._delay_s)
            finally:
                self._busy -= 1

    async def _answer(
        self, request: web.Request, asked: Asked, prompts: Sequence[Prompt], fault: Kind | None
    ) -> web.StreamResponse:
        due = time.monotonic() + self._delay_s + (self._slow_s if fault is Kind.SLOW else 0.0)
        self._busy += 1
        self.counts.most_in_slots = max(self.counts.most_in_slots, self._busy)
        try:
            answer = self._answered(asked, prompts, fault)
            if asked.stream and fault is not Kind.SHAPE:
                return await self._stream(request, answer, due, fault)
            body = spoiled_body(asked.digest) if fault is Kind.SHAPE else responses.whole(answer)
            await _until(due)
            if fault is Kind.CUT:
                return await _cut_body(request, body)
            self.counts.answered += 1
            return web.Response(body=body, content_type=JSON)
        finally:
            self._busy -= 1

    def _answered(self, asked: Asked, prompts: Sequence[Prompt], fault: Kind | None) -> Answer:
        found = []
        for at, (prompt, messages) in enumerate(zip(prompts, asked.prompts, strict=True)):
            for index in range(asked.n):
                text = self.reply(prompt, messages, asked.seed, index)
                if fault in IN_CONTENT:
                    text = spoiled_text(fault, text, asked.digest, index)
                found.append(choice_of(text, at * asked.n + index, asked, messages))
        return Answer(asked, tuple(found))

    def reply(self, prompt: Prompt, _messages: Sequence[str], seed: int, index: int) -> str:
        """Return what is said to a prompt; `_messages` are its own words."""
        return reply_to(prompt, seed, index)

    async def _stream(
        self, request: web.Request, answer: Answer, due: float, fault: Kind | None
    ) -> web.StreamResponse:
        """Send the answer in chunks, spread evenly over the delay."""
        events = list(responses.chunks(answer))
        began, takes = time.monotonic(), max(0.0, due - time.monotonic())
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        kept = len(events) // 2 if fault is Kind.CUT else len(events)
        for at, event in enumerate(events[:kept], start=1):
            await _until(began + takes * at / len(events))
            await response.write(event)
        if fault is Kind.CUT and Dice("cut", answer.asked.digest).falls(0.5):
            return _aborted(request, response)
        await response.write_eof()  # a stream may also be cut by a proxy that ends it politely, without [DONE]
        self.counts.answered += fault is not Kind.CUT
        return response

    def _failed(self, kind: Kind) -> web.Response:
        status, message, sort, code = _SAID[kind]
        response = error(status, message, sort, code)
        if status in (429, 503):
            response.headers["Retry-After"] = f"{self._retry_after_s:g}"
        return response

    def _is_line_full(self) -> bool:
        return self._line is not None and self.counts.under_way - self._busy > self._line

    @contextmanager
    def _under_way(self) -> Iterator[None]:
        counts = self.counts
        counts.requests += 1
        counts.under_way += 1
        counts.most_under_way = max(counts.most_under_way, counts.under_way)
        try:
            yield
        finally:
            counts.under_way -= 1


async def _until(due: float) -> None:
    if (left := due - time.monotonic()) > 0:
        await asyncio.sleep(left)


async def _cut_body(request: web.Request, body: bytes) -> web.StreamResponse:
    """Promise the whole body, send half of it, and hang up."""
    response = web.StreamResponse(headers={"Content-Type": JSON, "Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    return _aborted(request, response)


def _aborted(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.close()
    return response


def _reset(request: web.Request) -> web.StreamResponse:
    """Reset the connection, as a server does that dies."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response()
