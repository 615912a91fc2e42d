"""Whole answers, put together from their pieces, and log-probabilities in the shapes that OpenAI documents."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.openai_protocol import shapes
from pipeline.openai_protocol.shapes import Json
from pipeline.serving.requests import Asked
from pipeline.serving.wanted import Piece, Token


class Reply:
    """The answer to a request: `add` every piece, then it can be `said`."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._texts = list(asked.echoed)
        self._told: list[list[Token]] = [[] for _ in asked.wanted]
        self._reasons = [""] * len(asked.wanted)
        self._written = 0

    def add(self, index: int, piece: Piece) -> None:
        """Take the next piece of one choice."""
        self._texts[index] += piece.text
        self._told[index] += piece.told
        self._reasons[index] = piece.finish_reason
        self._written += piece.tokens

    def said(self) -> Json:
        """Return choices and usage."""
        chat = self._asked.is_chat
        choices = []
        for index, wanted in enumerate(self._asked.wanted):
            logprobs = logprobs_of(self._told[index], is_chat=chat) if wanted.alternatives is not None else None
            text, reason = self._texts[index], self._reasons[index]
            choices.append(shapes.whole_choice(index, text, reason, is_chat=chat, logprobs=logprobs))
        return {"choices": choices, "usage": shapes.usage(self._asked.prompt_tokens, self._written)}


def logprobs_of(told: Sequence[Token], *, is_chat: bool) -> Json:
    """Return log-probabilities as a chat has them, or a completion."""
    if is_chat:
        said = [
            _entry(token.text, token.log_prob)
            | {"top_logprobs": [_entry(text, value) for text, value in token.likeliest]}
            for token in told
        ]
        return {"content": said, "refusal": None}
    places, at = [], 0
    for token in told:
        places.append(at)
        at += len(token.text)
    return {
        "tokens": [token.text for token in told],
        "token_logprobs": [token.log_prob for token in told],
        "top_logprobs": [dict(token.likeliest) for token in told],
        "text_offset": places,
    }


def _entry(text: str, log_prob: float) -> Json:
    return {"token": text, "logprob": log_prob, "bytes": list(text.encode("utf-8", "replace"))}
