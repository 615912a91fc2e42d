"""Choices that look random and are not: the same request always chooses the same."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Throws that follow from what the dice were made of, on every machine and in every version of Python."""

    def __init__(self, *made_of: object) -> None:
        self._key = blake2b(
            "\x1f".join(map(str, made_of)).encode("utf-8", "surrogatepass"), digest_size=16
        ).digest()
        self._throws = 0

    def throw(self) -> float:
        """Return the next number, from 0 up to but not 1."""
        self._throws += 1
        return blake2b_number(self._key, self._throws) / 2**64

    def falls(self, share: float) -> bool:
        """Return whether something happens that happens in this share of all cases."""
        return self.throw() < share

    def pick(self, among: Sequence[T]) -> T:
        """Return one of them. There must be one."""
        return among[int(self.throw() * len(among))]

    def shuffled(self, things: Sequence[T]) -> list[T]:
        """Return all of them in another order."""
        return [
            thing for _throw, _place, thing in sorted((self.throw(), at, thing) for at, thing in enumerate(things))
        ]


def blake2b_number(key: bytes, count: int) -> int:
    """Return a number of 64 bits that follows from both."""
    return int.from_bytes(blake2b(count.to_bytes(8, "big"), key=key, digest_size=8).digest(), "big")
