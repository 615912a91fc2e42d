"""Accounts, the teams of organisations, and Apps as they are installed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True, eq=False)
class Account:
    """A person, an organisation or an App's bot."""

    id: int
    login: str
    type: str = "User"
    name: str | None = None
    email: str | None = None
    members: set[str] = field(default_factory=set)
    teams: dict[str, Team] = field(default_factory=dict)

    @property
    def commit_email(self) -> str:
        """The address under which this account's commits are made."""
        made_up = f"{self.id}+{self.login}" if self.type == "Bot" else self.login
        return self.email or f"{made_up}@users.noreply.github.com"


@dataclass(slots=True, eq=False)
class Team:
    """A team: the role of each member by login, and who was invited but has not accepted."""

    id: int
    organisation: Account
    slug: str
    roles: dict[str, str] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class App:
    """A GitHub App."""

    id: int
    slug: str
    owner: Account
    bot: Account
    permissions: dict[str, str]
    events: tuple[str, ...]
    created_at: datetime


@dataclass(slots=True, eq=False)
class Installation:
    """The App under test as installed for one owner."""

    id: int
    account: Account
    created_at: datetime
    suspended_at: datetime | None = None


def node_id(prefix: str, number: int) -> str:
    """Return an id as GraphQL would know it."""
    return f"{prefix}_kwDO{number:010x}"
