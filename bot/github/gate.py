"""The gate in front of every write: what it is about is named, and somebody says whether we may speak there."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from bot.github.errors import RefusedError


@dataclass(frozen=True, slots=True)
class About:
    """What a write is about: a repository, and one of its pull requests; 0 for none of them, such as an issue."""

    repository_id: int
    number: int = 0


class SilentError(RefusedError):
    """Nothing is written there now: the repository is only observed, or the pull request is to hear nothing yet."""

    def __init__(self, about: About) -> None:
        place = f"pull request {about.number} of repository" if about.number else "repository"
        super().__init__(
            f"nothing is written to {place} {about.repository_id}: it is only observed", HTTPStatus.FORBIDDEN
        )
        self.about = about


class Gate(Protocol):
    """Whoever knows where we may write."""

    async def check(self, about: About) -> None:
        """Raise SilentError where nothing is to be written."""
        ...


class Shut:
    """Lets nothing through: for whoever opened GitHub only to read."""

    async def check(self, about: About) -> None:
        """Raise SilentError."""
        raise SilentError(about)
