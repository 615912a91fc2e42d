"""What a teacher is asked and what it answers, as values; and the strict reading of what came back."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

# TeacherError        the server cannot be used at all: stop and tell the operator
# └── AskError        this one ask was not answered; others may be
#     └── TriesUsedUpError   nor would it be refused: asked another time it may be answered

_MOST_TOKENS = 1_000_000_000  # a server that counts more is not believed


class TeacherError(Exception):
    """The model's server could not be used; the text is for people, without its address or key."""


class AskError(TeacherError):
    """One ask was refused or used up its tries, while the server may well answer others."""


class TriesUsedUpError(AskError):
    """One ask failed on its way as often as it was tried."""


class GarbledError(Exception):
    """What came back is not an answer: for the client to try again, never for people."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn of a conversation. `role` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Everything that determines an answer, the model aside. `n` answers are wanted."""

    messages: tuple[ChatMessage, ...]
    temperature: float = 0.0
    max_tokens: int = 2048
    n: int = 1
    seed: int = 0
    stop: tuple[str, ...] = ()

    def body(self, model: str) -> bytes:
        """Return the request as an OpenAI-compatible server reads it; the same ask gives the same bytes."""
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": message.role, "content": message.content} for message in self.messages],
            "temperature": float(self.temperature),
            "max_tokens": self.max_tokens,
            "seed": self.seed,
        }
        if self.n != 1:
            body["n"] = self.n
        if self.stop:
            body["stop"] = list(self.stop)
        return json.dumps(body).encode()

    def key(self, model: str) -> bytes:
        """Return what names the answer in the cache: SHA-256 over the model, the messages and the parameters."""
        return hashlib.sha256(self.body(model)).digest()


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer. It is cut where the model ran into `max_tokens`."""

    text: str
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """The answers to an ask, and the tokens the server counted for them (0 where it counts none)."""

    choices: tuple[Choice, ...]
    prompt_tokens: int
    completion_tokens: int
    from_cache: bool


@dataclass(slots=True)
class Counters:
    """What a teacher has done so far. Tokens and cost are those of requests, not of what the cache gave."""

    asks: int = 0
    requests: int = 0
    from_cache: int = 0  # answers that cost nothing: from disk, or shared with an equal ask under way
    retries: Counter[str] = field(default_factory=Counter)  # by reason
    failures: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0  # in the currency of the price settings
    waited_s: float = 0.0  # before requests could be sent: for a free slot, and between tries


def read_reply(content: bytes) -> Reply:
    """Return what a chat completion holds. Raises GarbledError for anything that is not one."""
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise GarbledError(f"not JSON ({type(error).__name__})") from None
    found = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(found, list) or not found:
        raise GarbledError("no choices")
    usage = answer.get("usage")
    counted = usage if isinstance(usage, dict) else {}
    return Reply(
        tuple(_choice(one) for one in _in_order(found)),
        _tokens(counted.get("prompt_tokens")),
        _tokens(counted.get("completion_tokens")),
        from_cache=False,
    )


def merged(replies: Sequence[Reply]) -> Reply:
    """Return the replies to single asks as the reply to one ask for all of them."""
    return Reply(
        tuple(choice for reply in replies for choice in reply.choices),
        sum(reply.prompt_tokens for reply in replies),
        sum(reply.completion_tokens for reply in replies),
        from_cache=all(reply.from_cache for reply in replies),
    )


def _in_order(found: list[Any]) -> list[Any]:
    """Return the choices by their index, where the server numbered them properly; else as they came."""
    numbers = [one.get("index") if isinstance(one, dict) else None for one in found]
    if any(type(number) is not int for number in numbers) or len(set(numbers)) != len(numbers):
        return found
    return sorted(found, key=lambda one: int(one["index"]))


def _choice(one: Any) -> Choice:
    message = one.get("message") if isinstance(one, dict) else None
    if not isinstance(message, dict):
        raise GarbledError("a choice without a message")
    text = message.get("content")
    if text is None:  # a model that was cut while it still thought, or that declined
        text = ""
    if not isinstance(text, str):
        raise GarbledError("a message that is not text")
    return Choice(_writable(text), one.get("finish_reason") == "length")


def _writable(text: str) -> str:
    """Return the text with halves of characters replaced, which JSON can carry but no file can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _tokens(value: Any) -> int:
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else 0
