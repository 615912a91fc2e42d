"""Servers of models that an operator has named: asked by OpenAI's protocol, and believed in nothing they say."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp
from pydantic import SecretStr

from bot.comments.escape import short, visible

_LOOKS_WITHIN_S = 10.0
_LOADS_WITHIN_S = 90.0
_SILENT_S = 60.0  # between two pieces of an answer
_MOST_BYTES = 1024 * 1024  # of a list of models
_MOST_LINE_BYTES = 64 * 1024  # of one event of a stream
_MOST_MODELS = 1000
_MOST_SAID = 200


class ModelServerError(Exception):
    """A server did not do what it was asked for; the text is for people.

    ModelServerError
    └── CannotLoadError   it takes on no adapters while it runs
    """


class CannotLoadError(ModelServerError):
    """It takes on no adapters while it runs."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and how long an answer may be: in tokens as the model counts them, and in characters."""

    text: str
    most_tokens: int
    most_characters: int


class ModelServer:
    """One server, by its address up to /v1. Redirections are not followed: they could lead anywhere."""

    def __init__(self, http: aiohttp.ClientSession, url: str, key: SecretStr, who: str) -> None:
        self.url = url.rstrip("/")
        self._http = http
        self._key = key
        self._lengths: dict[
            str, int
        ] = {}  # how many tokens prompt and answer may have, as far as models() was told
        self._who = who  # as people are told of it, such as "The student's server"

    async def models(self) -> dict[str, str]:
        """Return the models that it has, and which each adapts, if any. Raises ModelServerError."""
        async with self._asked("GET", "/models", within_s=_LOOKS_WITHIN_S) as answer:
            said = await self._json(answer)
        entries = said.get("data")
        found = {}
        for entry in entries[:_MOST_MODELS] if isinstance(entries, list) else []:
            if isinstance(entry, dict) and isinstance(name := entry.get("id"), str):
                parent = entry.get("parent")
                found[name] = parent if isinstance(parent, str) else ""
                if isinstance(longest := entry.get("max_model_len"), int):
                    self._lengths[name] = longest
        return found

    async def load(self, name: str, folder: str) -> None:
        """Have it take on the adapter that lies in a folder of its machine. Raises ModelServerError."""
        body = {"lora_name": name, "lora_path": folder}
        async with self._asked("POST", "/load_lora_adapter", body, within_s=_LOADS_WITHIN_S, may_lack=True):
            return

    async def unload(self, name: str) -> None:
        """Have it let go of an adapter. Raises ModelServerError."""
        async with self._asked("POST", "/unload_lora_adapter", {"lora_name": name}, within_s=_LOOKS_WITHIN_S):
            return

    async def answer(self, model: str, question: Question) -> AsyncGenerator[str, None]:
        """Yield the pieces of an answer as they come, at temperature 0. Raises ModelServerError.

        Close it (`contextlib.aclosing`) to hang up: the server stops writing then.
        """
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": "user", "content": question.text}],
            "temperature": 0,
            "stream": True,
        }
        # to ask a small model for more than it has room for is refused; without a limit it writes until it is full
        if self._lengths.get(model, 4 * question.most_tokens) >= 4 * question.most_tokens:
            body["max_tokens"] = question.most_tokens
        left = question.most_characters
        async with self._asked("POST", "/chat/completions", body, within_s=None) as answer:
            async for event in self._events(answer):
                piece, is_cut = self._piece(event)
                if piece:
                    yield piece[:left]
                    left -= len(piece)
                if left <= 0 or is_cut:
                    yield " […]"
                    return

    async def _events(self, answer: aiohttp.ClientResponse) -> AsyncIterator[Any]:
        pending = b""
        async for chunk in answer.content.iter_any():
            *lines, pending = (pending + chunk).split(b"\n")
            if len(pending) > _MOST_LINE_BYTES:
                raise ModelServerError(f"{self._who} sends lines without end.")
            for line in lines:
                if not line.startswith(b"data:"):
                    continue
                if (said := line[5:].strip()) == b"[DONE]":
                    return
                try:
                    yield json.loads(said)
                except (ValueError, RecursionError):
                    raise ModelServerError(f"{self._who} sends what is no event of OpenAI's protocol.") from None

    def _piece(self, event: Any) -> tuple[str, bool]:
        """Return the text of an event, and whether the answer was cut after it."""
        if isinstance(event, dict) and event.get("error"):
            raise ModelServerError(f"{self._who} broke off{_said(event)}.")
        choices = event.get("choices") if isinstance(event, dict) else None
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return "", False
        delta = choice.get("delta")
        content = delta.get("content") if isinstance(delta, dict) else None
        return content if isinstance(content, str) else "", choice.get("finish_reason") == "length"

    @asynccontextmanager
    async def _asked(
        self, method: str, path: str, body: Any = None, *, within_s: float | None, may_lack: bool = False
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request; what is no good answer, and what breaks while it is read, is told in words."""
        key = self._key.get_secret_value()
        try:
            async with self._http.request(
                method,
                self.url + path,
                json=body,
                headers={"Authorization": f"Bearer {key}"} if key else {},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=within_s, sock_connect=_LOOKS_WITHIN_S, sock_read=_SILENT_S),
            ) as answer:
                if may_lack and answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
                    raise CannotLoadError(
                        f"{self._who} takes on no adapters while it runs{await self._refusal(answer)}."
                    )
                if answer.status != HTTPStatus.OK:
                    raise ModelServerError(f"{self._who} refused ({answer.status}){await self._refusal(answer)}.")
                yield answer
        except TimeoutError:
            raise ModelServerError(f"{self._who} did not answer in time.") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ModelServerError(f"{self._who} cannot be reached ({type(error).__name__}).") from None

    async def _json(self, answer: aiohttp.ClientResponse) -> dict[str, Any]:
        try:
            said = json.loads(await _read(answer))
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            raise ModelServerError(f"{self._who} answers what is not OpenAI's protocol.")
        return said

    async def _refusal(self, answer: aiohttp.ClientResponse) -> str:
        try:
            return _said(json.loads(await _read(answer)))
        except (ValueError, RecursionError):
            return ""


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """Return what was answered. Raises ValueError where that has no end."""
    content = bytearray()
    async for chunk in answer.content.iter_any():
        content += chunk
        if len(content) > _MOST_BYTES:
            raise ValueError("an answer without end")
    return bytes(content)


def _said(body: Any) -> str:
    """Return what a server says of an error, in its words; vLLM has said it in two shapes."""
    error = body.get("error", body) if isinstance(body, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return f", saying: {visible(short(message, _MOST_SAID)).rstrip('.')}" if isinstance(message, str) else ""
