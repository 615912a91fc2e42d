"""What is wanted of a student and what it gives, as values; and what ends an answer before its time."""

from __future__ import annotations

from dataclasses import dataclass

# ServingError           nothing was answered; the text says why
# ├── PromptError        the prompt: the template refuses it; only another prompt helps
# │   └── TooLongError   it does not fit, with the answer that is wanted
# ├── LineFullError      more wait than may: try again later
# └── BrokenError        the model could not go on: out of memory, or no numbers any more


class ServingError(Exception):
    """A student did not answer; the text is for people."""


class PromptError(ServingError):
    """The prompt cannot be answered as it is."""


class TooLongError(PromptError):
    """Prompt and answer are longer than what the model holds."""


class LineFullError(ServingError):
    """Too many answers are waited for."""


class BrokenError(ServingError):
    """The model failed while it answered."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One answer that is wanted. `adapter` is empty for the base model; `seed` None leaves it to chance."""

    adapter: str
    prompt: tuple[int, ...]
    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    alternatives: int | None = None  # log-probabilities are told, with those of so many others
    is_streamed: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was written, with its log-probability and those of the likeliest."""

    text: str
    log_prob: float
    likeliest: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an answer. The last one has a `finish_reason`: "stop" or "length"."""

    text: str
    tokens: int  # written since the last piece
    told: tuple[Token, ...] = ()
    finish_reason: str = ""
