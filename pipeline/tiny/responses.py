"""Answers in the shapes that OpenAI documents: whole, in chunks, and errors; each names who speaks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.tiny import NAME
from pipeline.tiny.reading import count_pieces, pieces
from pipeline.tiny.requests import Asked, RequestError

CREATED = 1_767_225_600  # fixed, for the same request gets the same bytes
DONE = b"data: [DONE]\n\n"
_PIECES_PER_CHUNK = 8

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """One text, cut where it was to be cut."""

    index: int
    text: str
    finish_reason: str  # "stop" or "length"
    tokens: int


@dataclass(frozen=True, slots=True)
class Answer:
    """All choices of a request, with what they cost."""

    asked: Asked
    choices: tuple[Choice, ...]

    @property
    def usage(self) -> Json:
        """The tokens: words and marks, as the offline teacher counts them. A prompt counts once."""
        read = sum(count_pieces(text) for prompt in self.asked.prompts for text in prompt)
        written = sum(choice.tokens for choice in self.choices)
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def choice_of(text: str, index: int, asked: Asked, prompt: Sequence[str]) -> Choice:
    """Return a text as a choice: until the first stop, and no longer than asked for."""
    reason = "stop"
    ends = [at for stop in asked.stop if (at := text.find(stop)) >= 0]
    text = text[: min(ends)] if ends else text
    tokens = pieces(text)
    if asked.max_tokens is not None and len(tokens) > asked.max_tokens:
        tokens = tokens[: asked.max_tokens]
        text, reason = "".join(tokens), "length"
    return Choice(index, "\n".join(prompt) + text if asked.echo else text, reason, len(tokens))


def whole(answer: Answer) -> bytes:
    """Return the answer as one JSON object."""
    chat = answer.asked.is_chat
    return _json(
        _head(answer.asked, "chat.completion" if chat else "text_completion")
        | {"choices": [_whole_choice(choice, chat=chat) for choice in answer.choices], "usage": answer.usage}
    )


def chunks(answer: Answer) -> Iterator[bytes]:
    """Give the answer as server-sent events, the last of which is [DONE]."""
    asked = answer.asked
    head = _head(asked, "chat.completion.chunk" if asked.is_chat else "text_completion")
    if asked.include_usage:
        head["usage"] = None
    for choice in answer.choices:
        for part in _parts(choice, chat=asked.is_chat):
            yield _event(head | {"choices": [part]})
    if asked.include_usage:
        yield _event(head | {"choices": [], "usage": answer.usage})
    yield DONE


def models(names: Sequence[str]) -> bytes:
    """Return the list of models."""
    listed = [{"id": name, "object": "model", "created": CREATED, "owned_by": NAME} for name in names]
    return _json({"object": "list", "data": listed})


def model(name: str) -> bytes:
    """Return one model."""
    return _json({"id": name, "object": "model", "created": CREATED, "owned_by": NAME})


def refusal(error: RequestError) -> bytes:
    """Return what is said to a request that is refused."""
    return error_body(str(error), "invalid_request_error", error.code, error.param)


def error_body(message: str, kind: str, code: str | None = None, param: str | None = None) -> bytes:
    """Return an error in OpenAI's shape."""
    return _json({"error": {"message": message, "type": kind, "param": param, "code": code}})


def _head(asked: Asked, kind: str) -> Json:
    return {
        "id": asked.id,
        "object": kind,
        "created": CREATED,
        "model": asked.model,
        "system_fingerprint": NAME,
    }


def _whole_choice(choice: Choice, *, chat: bool) -> Json:
    if not chat:
        return {"index": choice.index, "text": choice.text, "logprobs": None, "finish_reason": choice.finish_reason}
    message = {"role": "assistant", "content": choice.text, "refusal": None}
    return {"index": choice.index, "message": message, "logprobs": None, "finish_reason": choice.finish_reason}


def _parts(choice: Choice, *, chat: bool) -> Iterator[Json]:
    texts = pieces(choice.text)
    joined = ["".join(texts[at : at + _PIECES_PER_CHUNK]) for at in range(0, len(texts), _PIECES_PER_CHUNK)]

    def part(delta: Json, finish_reason: str | None = None) -> Json:
        return {"index": choice.index, **delta, "logprobs": None, "finish_reason": finish_reason}

    if chat:
        yield part({"delta": {"role": "assistant", "content": ""}})
        for text in joined:
            yield part({"delta": {"content": text}})
        yield part({"delta": {}}, choice.finish_reason)
    else:
        for text in joined:
            yield part({"text": text})
        yield part({"text": ""}, choice.finish_reason)


def _event(data: Json) -> bytes:
    return b"data: " + _json(data) + b"\n\n"


def _json(data: Json) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()
