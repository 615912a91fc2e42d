"""What became of a GraphQL mutation: GitHub answers 200 also where a part of it failed, or all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from bot.github.errors import GitHubError, NotFoundError, RefusedError, TransientError

_REFUSED = {
    "FORBIDDEN": HTTPStatus.FORBIDDEN,
    "INSUFFICIENT_SCOPES": HTTPStatus.FORBIDDEN,
    "UNPROCESSABLE": HTTPStatus.UNPROCESSABLE_ENTITY,
}


@dataclass(frozen=True, slots=True)
class Mutated:
    """What a mutation brought about, by alias: None for a field that failed; `error` then says why."""

    data: Mapping[str, Any]
    error: GitHubError | None = None


def outcome_of(answer: Any, limited_for_s: float) -> Mutated:
    """Return what a mutation brought about.

    Raises the error when nothing was done; `limited_for_s` is how long to wait where a limit was the reason.
    """
    if not isinstance(answer, dict):
        raise TransientError("an unreadable answer from GitHub (GraphQL)")
    data, errors = answer.get("data") or {}, answer.get("errors") or ()
    if not any(data.values()):
        raise _error_of(errors, limited_for_s)
    return Mutated(data, _error_of(errors, limited_for_s) if errors else None)


def _error_of(errors: Iterable[Mapping[str, Any]], limited_for_s: float) -> GitHubError:
    """Only what GraphQL refuses by a known name is refused for good; everything else may pass another time."""
    kinds = {str(error.get("type", "")) for error in errors}
    message = f"GraphQL answered {', '.join(sorted(kinds)) or 'without data'}"
    if kinds == {"NOT_FOUND"}:
        return NotFoundError(message)
    if kinds and kinds <= _REFUSED.keys():
        return RefusedError(message, max(_REFUSED[kind] for kind in kinds))
    return TransientError(message, limited_for_s if "RATE_LIMITED" in kinds else None)
