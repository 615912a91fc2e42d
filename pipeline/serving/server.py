"""The student's server: OpenAI's protocol in front of the engine, for base model and adapters by their names."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from pipeline.openai_protocol import shapes
from pipeline.openai_protocol.fields import RequestError, read_body, text
from pipeline.openai_protocol.http import JSON, Handler, error, guard, listen
from pipeline.openai_protocol.shapes import Json
from pipeline.serving.adapter_dock import AdapterDock
from pipeline.serving.engine import Engine
from pipeline.serving.loading import Loaded
from pipeline.serving.replies import Reply, logprobs_of
from pipeline.serving.requests import Asked, names_of, read_request
from pipeline.serving.wanted import LineFullError, Piece, ServingError

SPEAKER = "transformers"
_MOST_BYTES = 4 * 1024 * 1024
_RETRY_AFTER_S = 1


class StudentServer:
    """`async with StudentServer(engine, loaded, "granite") as server: ... server.url`.

    The engine runs already. Requests are read in a thread of their own, so that a long one holds up nobody.
    """

    def __init__(
        self,
        engine: Engine,
        loaded: Loaded,
        name: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str = "",
        adapters_from: Path | None = None,
    ) -> None:
        self.url = ""
        self._engine = engine
        self._prompts = loaded.prompts
        self._dock = AdapterDock(engine, loaded, adapters_from) if adapters_from is not None else None
        self._name = name
        self._names = names_of(name, loaded.adapters)
        self._host, self._port = host, port
        self._api_key = api_key
        self._since = int(time.time())
        self._reader = ThreadPoolExecutor(1, "requests")
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_MOST_BYTES, middlewares=[guard(self._api_key), _told])
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/completions", self._completion)
        app.router.add_get("/v1/models", self._list_models)
        app.router.add_get("/v1/models/{model}", self._show_model)
        if self._dock is not None:
            app.router.add_post("/v1/load_lora_adapter", self._load)
            app.router.add_post("/v1/unload_lora_adapter", self._unload)
        app.router.add_get("/health", self._health)
        self._runner, self.url = await listen(app, self._host, self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        self._reader.shutdown(wait=False)

    async def _health(self, _request: web.Request) -> web.Response:
        """Say whether the model's thread lives, and what it has to do."""
        said = {"at_work": self._engine.at_work, "in_line": self._engine.in_line}
        return web.json_response(said, status=200 if self._engine.is_alive else 503)

    async def _load(self, request: web.Request) -> web.Response:
        """Take on an adapter while people are answered; as vLLM does it."""
        assert self._dock is not None  # noqa: S101 - there is no such route otherwise
        body = read_body(await request.read())
        name = await self._dock.load(text(body, "lora_name"), text(body, "lora_path"), tuple(self._names))
        self._names[name] = name
        return web.Response(text=f"Success: LoRA adapter '{name}' added successfully.")

    async def _unload(self, request: web.Request) -> web.Response:
        assert self._dock is not None  # noqa: S101 - there is no such route otherwise
        name = text(read_body(await request.read()), "lora_name")
        if not self._names.get(name):
            raise RequestError(f"The adapter '{name}' is not served.", "lora_name", "model_not_found", 404)
        del self._names[name]
        await self._dock.unload(name)
        return web.Response(text=f"Success: LoRA adapter '{name}' removed successfully.")

    async def _list_models(self, _request: web.Request) -> web.Response:
        said = shapes.model_list([self._entry(name) for name in self._names])
        return web.Response(body=shapes.encoded(said), content_type=JSON)

    async def _show_model(self, request: web.Request) -> web.Response:
        if (name := request.match_info["model"]) not in self._names:
            raise RequestError(f"The model '{name}' does not exist.", "model", "model_not_found", 404)
        return web.Response(body=shapes.encoded(self._entry(name)), content_type=JSON)

    def _entry(self, name: str) -> Json:
        parent = self._name if self._names[name] else None
        return shapes.model_entry(name, SPEAKER, self._since, parent=parent, max_model_len=self._prompts.limit)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, is_chat=True)

    async def _completion(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, is_chat=False)

    async def _answer(self, request: web.Request, *, is_chat: bool) -> web.StreamResponse:
        raw = await request.read()
        asked = await asyncio.get_running_loop().run_in_executor(self._reader, self._read, raw, is_chat)
        if len(asked.wanted) > self._engine.line:
            raise RequestError(
                f"{len(asked.wanted)} answers at once are too many: {self._engine.line} at most.", "n"
            )
        async with contextlib.aclosing(self._engine.write(asked.wanted)) as pieces:
            if asked.is_streamed:
                return await self._stream(request, asked, pieces)
            reply = Reply(asked)
            async for index, piece in pieces:
                reply.add(index, piece)
            return web.Response(body=shapes.encoded(self._head(asked) | reply.said()), content_type=JSON)

    def _read(self, raw: bytes, is_chat: bool) -> Asked:
        return read_request(read_body(raw), is_chat=is_chat, models=self._names, prompts=self._prompts)

    async def _stream(
        self, request: web.Request, asked: Asked, pieces: AsyncIterator[tuple[int, Piece]]
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        head = self._head(asked, is_part=True) | ({"usage": None} if asked.include_usage else {})
        first = await anext(pieces)  # before anything is sent: until then an error still has a status of its own
        await response.prepare(request)
        written = 0
        opened: set[int] = set()
        try:
            async for index, piece in _with_first(first, pieces):
                written += piece.tokens
                for part in self._parts(asked, index, piece, is_first=index not in opened):
                    await response.write(shapes.event(head | {"choices": [part]}))
                opened.add(index)
            if asked.include_usage:
                used = shapes.usage(asked.prompt_tokens, written)
                await response.write(shapes.event(head | {"choices": [], "usage": used}))
            await response.write(shapes.DONE)
        except ServingError as failed:
            await response.write(b"data: " + shapes.error_body(str(failed), "server_error") + b"\n\n")
        await response.write_eof()
        return response

    def _parts(self, asked: Asked, index: int, piece: Piece, *, is_first: bool) -> list[Json]:
        chat = asked.is_chat
        found = []
        words = piece.text
        if is_first and chat:
            found.append(shapes.opening_part(index))
        elif is_first:
            words = asked.echoed[index] + words
        if words or piece.told:
            logprobs = (
                logprobs_of(piece.told, is_chat=chat) if asked.wanted[index].alternatives is not None else None
            )
            found.append(shapes.text_part(index, words, is_chat=chat, logprobs=logprobs))
        if piece.finish_reason:
            found.append(shapes.closing_part(index, piece.finish_reason, is_chat=chat))
        return found

    def _head(self, asked: Asked, *, is_part: bool = False) -> Json:
        return shapes.head(asked.id, asked.model, SPEAKER, int(time.time()), is_chat=asked.is_chat, is_part=is_part)


async def _with_first(
    first: tuple[int, Piece], rest: AsyncIterator[tuple[int, Piece]]
) -> AsyncIterator[tuple[int, Piece]]:
    yield first
    async for each in rest:
        yield each


@web.middleware
async def _told(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Say what the engine could not do, in OpenAI's shape."""
    try:
        return await handler(request)
    except LineFullError as full:
        response = error(429, str(full), "requests", "rate_limit_exceeded")
        response.headers["Retry-After"] = str(_RETRY_AFTER_S)
        return response
    except ServingError as failed:
        return error(503, str(failed), "server_error")
