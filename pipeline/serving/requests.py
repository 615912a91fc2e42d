"""A request to the student: OpenAI's fields, read into what is wanted."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.openai_protocol import fields
from pipeline.openai_protocol.fields import RequestError
from pipeline.serving.prompts import Prompts
from pipeline.serving.wanted import PromptError, TooLongError, Wanted

WHO = "A student that is served by transformers"
_CANNOT = ("tools", "functions", "response_format", "logit_bias", "audio", "prompt_logprobs", "suffix")
_CANNOT_PENALISE = ("frequency_penalty", "presence_penalty")
_MOST_ALTERNATIVES = {True: 20, False: 5}  # in a chat, and in a completion


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: for each choice what is wanted, and how the answer is to look."""

    id: str
    model: str
    wanted: tuple[Wanted, ...]
    is_chat: bool
    is_streamed: bool
    include_usage: bool
    echoed: tuple[str, ...]  # for each choice what stands before its text
    prompt_tokens: int


def read_request(body: Mapping[str, Any], *, is_chat: bool, models: Mapping[str, str], prompts: Prompts) -> Asked:
    """Return what a request asks for. `models` gives for each name the adapter. Raises RequestError."""
    fields.refuse(body, (*_CANNOT, *_CANNOT_PENALISE), WHO)
    model = fields.model_of(body, tuple(models))
    n = fields.whole(body, "n", 1, fields.MOST_CHOICES) or 1
    longest = fields.longest_of(body, is_chat=is_chat)
    seed = fields.whole(body, "seed", -(2**63), 2**63 - 1)
    stream, include_usage = fields.stream_of(body)
    texts = () if is_chat else fields.prompts_of(body, WHO)
    with_echo = not is_chat and fields.flag(body, "echo")
    alternatives = _alternatives(body, is_chat=is_chat)
    if with_echo and alternatives is not None:
        raise RequestError(f"{WHO} cannot do 'echo' with 'logprobs'.", "echo", "unsupported_parameter")
    if longest == 0:
        raise RequestError("'max_tokens' must be a whole number, 1 or more.", "max_tokens")
    where = "messages" if is_chat else "prompt"
    try:
        read = [prompts.chat(fields.messages_of(body))] if is_chat else [prompts.plain(text) for text in texts]
        room = [prompts.room_for(tokens, longest) for tokens in read]
    except PromptError as error:
        code = "context_length_exceeded" if isinstance(error, TooLongError) else None
        raise RequestError(str(error), where, code) from None
    temperature = fields.number(body, "temperature", 0, 2, 1.0)
    top_p, stop = fields.number(body, "top_p", 0, 1, 1.0), fields.stops_of(body)
    return Asked(
        id=f"{'chatcmpl' if is_chat else 'cmpl'}-{uuid.uuid4().hex}",
        model=model,
        wanted=tuple(
            Wanted(
                adapter=models[model],
                prompt=tokens,
                max_tokens=most,
                temperature=temperature,
                top_p=top_p,
                seed=None if seed is None else seed + number,
                stop=stop,
                alternatives=alternatives,
                is_streamed=stream,
            )
            for tokens, most in zip(read, room, strict=True)
            for number in range(n)
        ),
        is_chat=is_chat,
        is_streamed=stream,
        include_usage=include_usage,
        echoed=tuple(text if with_echo else "" for text in (texts or ("",)) for _ in range(n)),
        prompt_tokens=sum(map(len, read)),
    )


def _alternatives(body: Mapping[str, Any], *, is_chat: bool) -> int | None:
    """Return how many other tokens' log-probabilities are told with each token's; None where none are."""
    if not is_chat:
        return fields.whole(body, "logprobs", 0, _MOST_ALTERNATIVES[is_chat])
    others = fields.whole(body, "top_logprobs", 0, _MOST_ALTERNATIVES[is_chat])
    if fields.flag(body, "logprobs"):
        return others or 0
    if others:
        raise RequestError("'top_logprobs' needs 'logprobs': true.", "top_logprobs")
    return None


def names_of(base: str, adapters: Sequence[str]) -> dict[str, str]:
    """Return for each name that is served the adapter: none for the base model."""
    return {base: "", **{name: name for name in adapters}}
