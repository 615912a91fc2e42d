"""The fields of a request, each read strictly: what is wrong with it is said with its name."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.teacher_messages import ChatMessage

MOST_CHOICES = 128
_MOST_STOPS = 16
_MOST_PROMPTS = 256
_COMPLETION_TOKENS = 16  # what OpenAI documents for completions that name no limit
_ROLES = ("system", "developer", "user", "assistant", "tool")


class RequestError(Exception):
    """A request that is refused; the text is for who sent it. Nothing but a changed request helps."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.param = param
        self.code = code
        self.status = status


def read_body(raw: bytes) -> dict[str, Any]:
    """Return the request's object. Raises RequestError."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise RequestError("The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise RequestError("The body must be a JSON object.")
    return body


def refuse(body: Mapping[str, Any], names: Sequence[str], who: str) -> None:
    """Raise RequestError when one of these is asked for: `who` cannot do it, and nobody shall think it did."""
    for name in names:
        if body.get(name) not in (None, False, 0, [], {}, {"type": "text"}):
            raise RequestError(f"{who} cannot do '{name}'.", name, "unsupported_parameter")


def model_of(body: Mapping[str, Any], models: Sequence[str]) -> str:
    """Return the model's name, one of these. Raises RequestError."""
    model = text(body, "model")
    if model not in models:
        known = ", ".join(models)
        raise RequestError(
            f"The model '{model}' does not exist. There are: {known}.", "model", "model_not_found", 404
        )
    return model


def messages_of(body: Mapping[str, Any]) -> tuple[ChatMessage, ...]:
    """Return the messages, their parts of text joined. Raises RequestError."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RequestError("'messages' must be a list with at least one message.", "messages")
    found = []
    for at, message in enumerate(messages):
        where = f"messages[{at}]"
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise RequestError(f"'{where}' needs a 'role': one of {', '.join(_ROLES)}.", f"{where}.role")
        found.append(ChatMessage(message["role"], _content(message.get("content"), f"{where}.content")))
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


def prompts_of(body: Mapping[str, Any], who: str) -> tuple[str, ...]:
    """Return the prompts of a completion. Raises RequestError."""
    prompts = body.get("prompt")
    if isinstance(prompts, str):
        prompts = [prompts]
    if not isinstance(prompts, list) or not 1 <= len(prompts) <= _MOST_PROMPTS:
        raise RequestError(f"'prompt' must be text, or a list of 1 to {_MOST_PROMPTS} texts.", "prompt")
    if not all(isinstance(prompt, str) for prompt in prompts):
        raise RequestError(f"'prompt' must be text: {who} takes no token ids.", "prompt")
    return tuple(prompts)


def longest_of(body: Mapping[str, Any], *, is_chat: bool) -> int | None:
    """Return how many tokens an answer may have; None: as many as fit. Raises RequestError."""
    longest = whole(body, "max_completion_tokens", 1, None) if is_chat else None
    if longest is None:
        longest = whole(body, "max_tokens", 1 if is_chat else 0, None)
    return _COMPLETION_TOKENS if longest is None and not is_chat else longest


def stops_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the texts that end an answer. Raises RequestError."""
    stops = body.get("stop") or ()
    if isinstance(stops, str):
        stops = [stops]
    if not isinstance(stops, list | tuple) or len(stops) > _MOST_STOPS or not all(map(_is_words, stops)):
        raise RequestError(f"'stop' must be text, or a list of at most {_MOST_STOPS} texts.", "stop")
    return tuple(stops)


def _is_words(value: object) -> bool:
    return isinstance(value, str) and value != ""


def stream_of(body: Mapping[str, Any]) -> tuple[bool, bool]:
    """Return whether the answer is streamed, and whether the stream ends with its usage. Raises RequestError."""
    stream = flag(body, "stream")
    options = body.get("stream_options") or {}
    if not isinstance(options, dict) or (options and not stream):
        raise RequestError("'stream_options' is an object, and only for streams.", "stream_options")
    return stream, flag(options, "include_usage")


def text(body: Mapping[str, Any], name: str) -> str:
    """Return a text that has to be there. Raises RequestError."""
    if not isinstance(value := body.get(name), str):
        raise RequestError(f"'{name}' is missing: it must be text.", name)
    return value


def flag(body: Mapping[str, Any], name: str) -> bool:
    """Return a flag, False where it is not set. Raises RequestError."""
    if not isinstance(value := body.get(name) or False, bool):
        raise RequestError(f"'{name}' must be true or false.", name)
    return value


def whole(body: Mapping[str, Any], name: str, least: int, most: int | None) -> int | None:
    """Return a whole number, or None. Raises RequestError."""
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


def number(body: Mapping[str, Any], name: str, least: float, most: float, default: float) -> float:
    """Return a number. Raises RequestError."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
        raise RequestError(f"'{name}' must be a number, {least:g} to {most:g}.", name)
    return value if math.isfinite(value) else default
