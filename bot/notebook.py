"""A notebook in the place of the pen: what would be written on GitHub is only noted."""

from __future__ import annotations

from collections.abc import Iterable

from bot.actions import Action
from bot.apply import LivingComment
from bot.clock import Clock
from bot.github.client import GitHubClient
from bot.github.pulls import Pull


class Notebook:
    """Stands where the writer stands, and only notes what it is told to write, on which pull request."""

    def __init__(self) -> None:
        self.actions: list[Action] = []
        self.pull: Pull | None = None

    def open(self, _client: GitHubClient, pull: Pull, _clock: Clock) -> Notebook:
        """Return itself, as the writer for a pull request."""
        self.pull = pull
        return self

    async def apply(self, actions: Iterable[Action]) -> LivingComment | None:
        """Note the actions."""
        self.actions += actions
        return None
