"""The offline teacher's answers, whole or in chunks; each names who speaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.openai_protocol import shapes
from pipeline.openai_protocol.shapes import Json
from pipeline.tiny import NAME
from pipeline.tiny.reading import count_pieces, pieces
from pipeline.tiny.requests import Asked

CREATED = 1_767_225_600  # fixed, for the same request gets the same bytes
_PIECES_PER_CHUNK = 8


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
        return shapes.usage(read, written)


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
    said = [
        shapes.whole_choice(choice.index, choice.text, choice.finish_reason, is_chat=chat)
        for choice in answer.choices
    ]
    return shapes.encoded(_head(answer.asked, is_part=False) | {"choices": said, "usage": answer.usage})


def chunks(answer: Answer) -> Iterator[bytes]:
    """Give the answer as server-sent events, the last of which is [DONE]."""
    asked = answer.asked
    head = _head(asked, is_part=True)
    if asked.include_usage:
        head["usage"] = None
    for choice in answer.choices:
        for part in _parts(choice, is_chat=asked.is_chat):
            yield shapes.event(head | {"choices": [part]})
    if asked.include_usage:
        yield shapes.event(head | {"choices": [], "usage": answer.usage})
    yield shapes.DONE


def models(names: Sequence[str]) -> bytes:
    """Return the list of models."""
    return shapes.encoded(shapes.model_list([shapes.model_entry(name, NAME, CREATED) for name in names]))


def model(name: str) -> bytes:
    """Return one model."""
    return shapes.encoded(shapes.model_entry(name, NAME, CREATED))


def _head(asked: Asked, *, is_part: bool) -> Json:
    return shapes.head(asked.id, asked.model, NAME, CREATED, is_chat=asked.is_chat, is_part=is_part)


def _parts(choice: Choice, *, is_chat: bool) -> Iterator[Json]:
    if is_chat:
        yield shapes.opening_part(choice.index)
    texts = pieces(choice.text)
    for at in range(0, len(texts), _PIECES_PER_CHUNK):
        yield shapes.text_part(choice.index, "".join(texts[at : at + _PIECES_PER_CHUNK]), is_chat=is_chat)
    yield shapes.closing_part(choice.index, choice.finish_reason, is_chat=is_chat)
