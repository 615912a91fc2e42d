"""What all who act on GitHub have in common."""

from __future__ import annotations

from bot.simulator.accounts import Account
from bot.simulator.changes import Changes
from bot.simulator.state import GitHubState


class Actors:
    """People by their logins; a login that ends in "[bot]" is the bot of an App."""

    def __init__(self, state: GitHubState, changes: Changes) -> None:
        self.state = state
        self._changes = changes

    def _person(self, login: str | None, otherwise: Account) -> Account:
        return self.state.account(login) if login else otherwise
