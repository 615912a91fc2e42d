"""Issues that are no pull requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from bot.simulator.accounts import Account, App, node_id
from bot.simulator.conversation import Comment, Happening, Label, Reaction

if TYPE_CHECKING:
    from bot.simulator.repositories import Repository


@dataclass(slots=True, eq=False, repr=False)
class Issue:
    """An issue; its fields are named as those it shares with pull requests. `app`: the App that opened it."""

    id: int
    number: int
    repo: Repository
    user: Account
    title: str
    body: str | None
    association: str
    created_at: datetime
    updated_at: datetime
    app: App | None = None
    state: str = "open"
    state_reason: str | None = None
    closed_at: datetime | None = None
    closed_by: Account | None = None
    comments: list[Comment] = field(default_factory=list)
    label_objects: list[Label] = field(default_factory=list)
    assigned: list[Account] = field(default_factory=list)
    given_reactions: list[Reaction] = field(default_factory=list)
    history: list[Happening] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<issue {self.repo.full_name}#{self.number}>"

    @property
    def author(self) -> str:
        """The login of who opened it."""
        return self.user.login

    @property
    def labels(self) -> list[str]:
        """The names of its labels, in the order they were put on."""
        return [label.name for label in self.label_objects]

    @property
    def assignees(self) -> list[str]:
        """The logins of who is assigned."""
        return [account.login for account in self.assigned]

    @property
    def node_id(self) -> str:
        """The id in GraphQL."""
        return node_id("I", self.id)
