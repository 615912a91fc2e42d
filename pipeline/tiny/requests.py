"""A request as OpenAI documents it, read strictly: what the offline teacher cannot do, it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

_MOST_CHOICES = 128
_MOST_STOPS = 16
_MOST_PROMPTS = 256
_COMPLETION_TOKENS = 16  # what OpenAI documents for completions that name no limit
_CANNOT = (
    "tools",
    "functions",
    "logprobs",
    "top_logprobs",
    "response_format",
    "logit_bias",
    "audio",
    "prompt_logprobs",
)
_ROLES = ("system", "developer", "user", "assistant", "tool")


class RequestError(Exception):
    """A request that is refused; the text is for who sent it. Nothing but a changed request helps."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.param = param
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: for each prompt `n` choices. A prompt is its messages, without what the assistant said."""

    model: str
    prompts: tuple[tuple[str, ...], ...]
    is_chat: bool
    n: int
    seed: int
    max_tokens: int | None
    stop: tuple[str, ...]
    stream: bool
    include_usage: bool
    echo: bool
    digest: str  # of the whole request: the same request has the same

    @property
    def id(self) -> str:
        """The answer's id: the same for the same request, for the same request is the same answer."""
        return f"{'chatcmpl' if self.is_chat else 'cmpl'}-{self.digest}"


def read_request(raw: bytes, *, is_chat: bool, models: tuple[str, ...]) -> Asked:
    """Return what a request asks for. Raises RequestError."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise RequestError("The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise RequestError("The body must be a JSON object.")
    for name in _CANNOT:
        if body.get(name) not in (None, False, 0, [], {}, {"type": "text"}):
            raise RequestError(f"The offline teacher cannot do '{name}'.", name, "unsupported_parameter")
    model = _text(body, "model")
    if model not in models:
        known = ", ".join(models)
        raise RequestError(
            f"The model '{model}' does not exist. There are: {known}.", "model", "model_not_found", 404
        )
    _number(body, "temperature", 0, 2)
    _number(body, "top_p", 0, 1)
    longest = _whole(body, "max_completion_tokens", 1, None) if is_chat else None
    if longest is None:
        longest = _whole(body, "max_tokens", 0 if not is_chat else 1, None)
    if longest is None and not is_chat:
        longest = _COMPLETION_TOKENS
    stream = _flag(body, "stream")
    options = body.get("stream_options") or {}
    if not isinstance(options, dict) or (options and not stream):
        raise RequestError("'stream_options' is an object, and only for streams.", "stream_options")
    return Asked(
        model=model,
        prompts=(_messages(body),) if is_chat else _prompts(body),
        is_chat=is_chat,
        n=_whole(body, "n", 1, _MOST_CHOICES) or 1,
        seed=_whole(body, "seed", -(2**63), 2**63 - 1) or 0,
        max_tokens=longest,
        stop=_stops(body),
        stream=stream,
        include_usage=_flag(options, "include_usage"),
        echo=not is_chat and _flag(body, "echo"),
        digest=blake2b(raw, digest_size=12).hexdigest(),
    )


def _messages(body: Mapping[str, Any]) -> tuple[str, ...]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RequestError("'messages' must be a list with at least one message.", "messages")
    found = []
    for at, message in enumerate(messages):
        where = f"messages[{at}]"
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise RequestError(f"'{where}' needs a 'role': one of {', '.join(_ROLES)}.", f"{where}.role")
        text = _content(message.get("content"), f"{where}.content")
        if message["role"] not in ("assistant", "tool"):  # what a model or a tool said gives no task
            found.append(text)
    if not found:
        raise RequestError("'messages' holds no message of a user.", "messages")
    return tuple(found)


def _content(content: object, where: str) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(
        isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)
        for part in content
    ):
        return "\n".join(part["text"] for part in content)
    raise RequestError(f"'{where}' must be text, or a list of parts of the type 'text'.", where)


def _prompts(body: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    prompts = body.get("prompt")
    if isinstance(prompts, str):
        prompts = [prompts]
    if not isinstance(prompts, list) or not 1 <= len(prompts) <= _MOST_PROMPTS:
        raise RequestError(f"'prompt' must be text, or a list of 1 to {_MOST_PROMPTS} texts.", "prompt")
    if not all(isinstance(prompt, str) for prompt in prompts):
        raise RequestError("'prompt' must be text: the offline teacher has no token ids.", "prompt")
    return tuple((prompt,) for prompt in prompts)


def _stops(body: Mapping[str, Any]) -> tuple[str, ...]:
    stops = body.get("stop") or ()
    if isinstance(stops, str):
        stops = [stops]
    if not isinstance(stops, list | tuple) or len(stops) > _MOST_STOPS or not all(map(_is_words, stops)):
        raise RequestError(f"'stop' must be text, or a list of at most {_MOST_STOPS} texts.", "stop")
    return tuple(stops)


def _is_words(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _text(body: Mapping[str, Any], name: str) -> str:
    if not isinstance(value := body.get(name), str):
        raise RequestError(f"'{name}' is missing: it must be text.", name)
    return value


def _flag(body: Mapping[str, Any], name: str) -> bool:
    if not isinstance(value := body.get(name) or False, bool):
        raise RequestError(f"'{name}' must be true or false.", name)
    return value


def _whole(body: Mapping[str, Any], name: str, least: int, most: int | None) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if (
        not isinstance(value, int)
        or isinstance(value, bool)
        or value < least
        or (most is not None and value > most)
    ):
        up_to = f" to {most}" if most is not None else " or more"
        raise RequestError(f"'{name}' must be a whole number, {least}{up_to}.", name)
    return value


def _number(body: Mapping[str, Any], name: str, least: float, most: float) -> None:
    value = body.get(name)
    if value is not None and (
        not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most
    ):
        raise RequestError(f"'{name}' must be a number, {least} to {most}.", name)
