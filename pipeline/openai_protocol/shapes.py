"""Answers in the shapes that OpenAI documents: whole, in chunks, lists of models, and errors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pipeline.openai_protocol.fields import RequestError

DONE = b"data: [DONE]\n\n"

Json = dict[str, Any]


def head(id_: str, model: str, speaker: str, created: int, *, is_chat: bool, is_part: bool) -> Json:
    """Return what every answer, or every part of a stream, begins with. `speaker` names who answers."""
    chat = "chat.completion.chunk" if is_part else "chat.completion"
    return {
        "id": id_,
        "object": chat if is_chat else "text_completion",
        "created": created,
        "model": model,
        "system_fingerprint": speaker,
    }


def whole_choice(index: int, text: str, finish_reason: str, *, is_chat: bool, logprobs: Json | None = None) -> Json:
    """Return one choice of a whole answer."""
    said: Json = {"message": {"role": "assistant", "content": text, "refusal": None}} if is_chat else {"text": text}
    return {"index": index, **said, "logprobs": logprobs, "finish_reason": finish_reason}


def opening_part(index: int) -> Json:
    """Return the part of a streamed chat that names its role, before anything is said."""
    return _part(index, {"delta": {"role": "assistant", "content": ""}})


def text_part(index: int, text: str, *, is_chat: bool, logprobs: Json | None = None) -> Json:
    """Return a part of a stream that says something."""
    return _part(index, {"delta": {"content": text}} if is_chat else {"text": text}, logprobs)


def closing_part(index: int, finish_reason: str, *, is_chat: bool) -> Json:
    """Return the last part of a choice."""
    return _part(index, {"delta": {}} if is_chat else {"text": ""}) | {"finish_reason": finish_reason}


def _part(index: int, said: Json, logprobs: Json | None = None) -> Json:
    return {"index": index, **said, "logprobs": logprobs, "finish_reason": None}


def usage(read: int, written: int) -> Json:
    """Return the tokens that an answer cost."""
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def model_entry(name: str, owner: str, created: int, **more: Any) -> Json:
    """Return a model as the list of models has it."""
    return {"id": name, "object": "model", "created": created, "owned_by": owner, **more}


def model_list(entries: Sequence[Json]) -> Json:
    """Return the list of models."""
    return {"object": "list", "data": list(entries)}


def refusal(error: RequestError) -> bytes:
    """Return what is said to a request that is refused."""
    return error_body(str(error), "invalid_request_error", error.code, error.param)


def error_body(message: str, kind: str, code: str | None = None, param: str | None = None) -> bytes:
    """Return an error in OpenAI's shape."""
    return encoded({"error": {"message": message, "type": kind, "param": param, "code": code}})


def event(data: Json) -> bytes:
    """Return a server-sent event."""
    return b"data: " + encoded(data) + b"\n\n"


def encoded(data: Json) -> bytes:
    """Return JSON without spaces."""
    return json.dumps(data, separators=(",", ":")).encode()
