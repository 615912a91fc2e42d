"""Who one talks to in a chat: a student in this process, or a model behind a server; each streams what it says."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import aiohttp

from pipeline.teacher_messages import ChatMessage

if TYPE_CHECKING:
    from pipeline.serving.engine import Engine
    from pipeline.serving.loading import Loaded

_LONGEST_EVENT = 1024 * 1024
_LONGEST = 1024  # tokens of an answer for which no limit was given
_MOST_WORDS = 300


class SpeakerError(Exception):
    """There is no answer; the text says why, without control characters."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How answers are drawn."""

    temperature: float = 0.0
    max_tokens: int | None = None
    seed: int | None = None


class Speaker(Protocol):
    """Somebody to talk to."""

    name: str

    def say(self, messages: Sequence[ChatMessage], manner: Manner) -> AsyncGenerator[str, None]:
        """Yield the answer to a conversation as it comes. Raises SpeakerError."""
        ...


class LocalSpeaker:
    """A student in this process, as itself or with an adapter."""

    def __init__(self, name: str, engine: Engine, loaded: Loaded, adapter: str) -> None:
        self.name = name
        self._engine = engine
        self._prompts = loaded.prompts
        self._adapter = adapter

    async def say(self, messages: Sequence[ChatMessage], manner: Manner) -> AsyncGenerator[str, None]:
        """Yield the answer as it comes. Raises SpeakerError."""
        from pipeline.serving.wanted import ServingError, Wanted

        try:
            prompt = self._prompts.chat(messages)
            room = self._prompts.room_for(prompt, manner.max_tokens)
            most = room if manner.max_tokens else min(room, _LONGEST)
            wanted = Wanted(self._adapter, prompt, most, manner.temperature, seed=manner.seed, is_streamed=True)
            async with contextlib.aclosing(self._engine.write([wanted])) as pieces:
                async for _, piece in pieces:
                    yield piece.text
        except ServingError as error:
            raise SpeakerError(plain(str(error))) from None


class RemoteSpeaker:
    """A model behind an OpenAI-compatible server."""

    def __init__(self, name: str, session: aiohttp.ClientSession, url: str, model: str) -> None:
        self.name = name
        self._session = session
        self._url = url.rstrip("/") + "/chat/completions"
        self._model = model

    async def say(self, messages: Sequence[ChatMessage], manner: Manner) -> AsyncGenerator[str, None]:
        """Yield the answer as it comes. Raises SpeakerError. Closed early, it hangs up."""
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "temperature": manner.temperature,
            "stream": True,
        }
        body |= {"max_tokens": manner.max_tokens} if manner.max_tokens else {}
        body |= {"seed": manner.seed} if manner.seed is not None else {}
        left = manner.max_tokens or _LONGEST
        try:
            async with self._session.post(self._url, json=body, allow_redirects=False) as response:
                if response.status != 200:
                    raise SpeakerError(await _refusal(response))
                async for event in _events(response):
                    yield _text_of(event)
                    left -= 1
                    if left < 0:
                        return
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise SpeakerError(f"The server cannot be reached, or broke off: {plain(str(error))[:200]}") from None


async def models_at(session: aiohttp.ClientSession, url: str) -> tuple[str, list[str]]:
    """Return the base model that a server has, and its adapters. Raises SpeakerError."""
    try:
        async with session.get(url.rstrip("/") + "/models", allow_redirects=False) as response:
            if response.status != 200:
                raise SpeakerError(await _refusal(response))
            said = json.loads(await response.content.read(_LONGEST_EVENT))
            found = [(entry["id"], entry.get("parent")) for entry in said["data"]]
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise SpeakerError(
            f"Nobody answers at {url}: {plain(str(error))[:200]}. Start `taxonomy-pipeline serve-student`, "
            "or name the address of another server, up to /v1."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SpeakerError(f"What answers at {url} is no OpenAI-compatible server: it lists no models.") from None
    names = [(str(name), parent) for name, parent in found]
    bases = [name for name, parent in names if not parent]
    if not bases:
        raise SpeakerError(f"The server at {url} has no model.")
    return bases[0], [name for name, parent in names if parent] or bases[1:]


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[Any]:
    """Yield the events of a stream until [DONE]."""
    rest = b""
    async for piece in response.content.iter_any():
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > _LONGEST_EVENT:
            raise SpeakerError("The server sends a line without an end.")
        for line in lines:
            if not line.startswith(b"data:"):
                continue
            said = line.removeprefix(b"data:").strip()
            if said == b"[DONE]":
                return
            try:
                yield json.loads(said)
            except (ValueError, RecursionError):
                raise SpeakerError("The server sent something that is no answer.") from None


def _text_of(event: Any) -> str:
    if isinstance(event, dict) and isinstance(error := event.get("error"), dict):
        raise SpeakerError(plain(str(error.get("message")))[:_MOST_WORDS])
    try:
        choices = event["choices"]
        text = choices[0]["delta"].get("content") if choices else ""
    except (KeyError, TypeError, IndexError, AttributeError):
        raise SpeakerError("The server sent something that is no answer.") from None
    return text if isinstance(text, str) else ""


async def _refusal(response: aiohttp.ClientResponse) -> str:
    if response.status in (401, 403):
        return "The server wants a key: set TAXONOMY_PIPELINE_STUDENT_API_KEY."
    content = await response.content.read(8 * 1024)
    try:
        words = str(json.loads(content)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        words = content.decode("utf-8", "replace")
    return f"The server refused it ({response.status}): {plain(words)[:_MOST_WORDS]}"


def plain(text: str) -> str:
    """Return a text without what a terminal would obey: escapes, control characters, signs drawn as nothing."""
    return "".join(c if c.isprintable() or c in "\n\t" else " " if c.isspace() and c != "\r" else "" for c in text)
