"""Claims: what a check says must hold, told when it does and raised when it does not."""

from __future__ import annotations


class CheckError(Exception):
    """Something that has to hold with the real thing does not."""


def must(holds: bool, claim: str) -> None:
    """Say that a claim holds. Raises CheckError when it does not."""
    if not holds:
        raise CheckError(f"This does not hold: {claim}.")
    print(f"  ok: {claim}", flush=True)
