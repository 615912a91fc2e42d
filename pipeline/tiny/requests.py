"""A request as OpenAI documents it, read strictly: what the offline teacher cannot do, it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from pipeline.openai_protocol import fields
from pipeline.openai_protocol.fields import RequestError

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
_WHO = "The offline teacher"


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
    body = fields.read_body(raw)
    fields.refuse(body, _CANNOT, _WHO)
    model = fields.model_of(body, models)
    fields.number(body, "temperature", 0, 2, 1)
    fields.number(body, "top_p", 0, 1, 1)
    longest = fields.longest_of(body, is_chat=is_chat)
    stream, include_usage = fields.stream_of(body)
    return Asked(
        model=model,
        prompts=(_messages(body),) if is_chat else tuple((prompt,) for prompt in fields.prompts_of(body, _WHO)),
        is_chat=is_chat,
        n=fields.whole(body, "n", 1, fields.MOST_CHOICES) or 1,
        seed=fields.whole(body, "seed", -(2**63), 2**63 - 1) or 0,
        max_tokens=longest,
        stop=fields.stops_of(body),
        stream=stream,
        include_usage=include_usage,
        echo=not is_chat and fields.flag(body, "echo"),
        digest=blake2b(raw, digest_size=12).hexdigest(),
    )


def _messages(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what gives the task: not what a model or a tool said."""
    found = [m.content for m in fields.messages_of(body) if m.role not in ("assistant", "tool")]
    if not found:
        raise RequestError("'messages' holds no message of a user.", "messages")
    return tuple(found)
