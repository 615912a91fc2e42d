"""What goes wrong on request: a share of the requests fails, always the same ones, and a retry gets through."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pipeline.tiny.dice import Dice

ALWAYS = "always"


class Kind(StrEnum):
    """How a request fails: on its way, or in what is answered."""

    SLOW = "slow"  # answers late
    RATE_LIMIT = "429"  # with Retry-After
    ERROR = "500"
    OVERLOAD = "503"
    CUT = "cut"  # the answer breaks off, stream or not
    RESET = "reset"  # the connection is reset before a byte is answered
    SILENT = "silent"  # never answers
    GARBAGE = "garbage"  # talk in the place of what was asked for
    RATING = "rating"  # judges only: out of range, two of them, or in words
    EMPTY = "empty"  # no text
    SHAPE = "shape"  # JSON that is no answer, or no JSON


IN_CONTENT = frozenset({Kind.GARBAGE, Kind.RATING, Kind.EMPTY, Kind.SHAPE})

_GARBAGE = (
    "Sure! Here is what I came up with, I hope it helps you along.",
    "lorem ipsum %%% \ufffd\ufffd lorem lorem lorem lorem lorem",
    "# Questions\n1) see above 2) see above 3)",
    '{"error": "as a language model I',
)
_RATINGS = (
    "It is very good.\n[[99]]",
    "It is bad.\n[[-1]]",
    "It could be this [[0]] or that.\n[[1]]",
    "[[1]]\nNo, wait.\n[[2]]",
    "I would rate it as two out of three, all in all.",
)
_SHAPES: tuple[Any, ...] = (
    {"choices": []},
    {"choices": [{"index": 0, "message": {"role": "assistant", "content": 7}}]},
    {"choices": [{"index": 0}]},
    {"object": "chat.completion"},
    ["chat.completion"],
    None,
)
_NO_JSON = (b"<html><body>Bad gateway</body></html>", b'{"choices": [{"index": 0, "mess', b"")


class FaultError(Exception):
    """A fault cannot be read; the text says how one is written."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of failure, its share of all requests, and how often the same request fails before it succeeds."""

    kind: Kind
    share: float
    times: int | None = 1  # None: always


def read_fault(text: str) -> Fault:
    """Return a fault written as KIND:SHARE or KIND:SHARE:TIMES. Raises FaultError."""
    kind, _, rest = text.partition(":")
    amount, _, times = rest.partition(":")
    try:
        fault = Fault(Kind(kind), float(amount), None if times == ALWAYS else int(times or 1))
    except ValueError:
        fault = None
    if fault is None or not 0 < fault.share <= 1 or (fault.times is not None and fault.times < 1):
        raise FaultError(
            f'"{text[:60]}" is no fault. Write KIND:SHARE or KIND:SHARE:TIMES, such as 429:0.2 or cut:0.1:2, '
            f"with a share above 0 up to 1, and how often the same request fails, or {ALWAYS}. "
            f"Kinds: {', '.join(Kind)}."
        )
    return fault


class Faults:
    """Decides which requests fail and remembers how often each has. A request has at most one kind of fault."""

    def __init__(self, faults: Sequence[Fault] = (), seed: int = 0) -> None:
        if (total := sum(fault.share for fault in faults)) > 1 + 1e-9:
            raise FaultError(f"The shares of the faults come to {total:.2f}: together they can be 1 at most.")
        self._faults = tuple(faults)
        self._seed = seed
        self._failed: Counter[str] = Counter()
        self.counts: Counter[Kind] = Counter()

    def strike(self, digest: str, task: str) -> Kind | None:
        """Return how this request fails, this time, or None; ratings go wrong only where one is asked for."""
        fault = self._fault_of(digest)
        if fault is None or (fault.kind is Kind.RATING and not task.startswith("judge-")):
            return None
        if fault.times is not None:
            if self._failed[digest] >= fault.times:
                return None
            self._failed[digest] += 1
        self.counts[fault.kind] += 1
        return fault.kind

    def _fault_of(self, digest: str) -> Fault | None:
        if not self._faults:
            return None
        throw = Dice(self._seed, "fault", digest).throw()
        for fault in self._faults:
            if throw < fault.share:
                return fault
            throw -= fault.share
        return None


def spoiled_text(kind: Kind, text: str, digest: str, index: int) -> str:
    """Return the text of a choice as a fault leaves it."""
    dice = Dice("text", digest, index)
    if kind is Kind.GARBAGE:
        return dice.pick(_GARBAGE)
    if kind is Kind.RATING:
        return dice.pick(_RATINGS)
    return "" if kind is Kind.EMPTY else text


def spoiled_body(digest: str) -> bytes:
    """Return a body that is no answer at all."""
    dice = Dice("shape", digest)
    return dice.pick([*(json.dumps(shape).encode() for shape in _SHAPES), *_NO_JSON])
