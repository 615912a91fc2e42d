"""What people say about a pull request: comments, reviews, reactions and labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from bot.simulator.accounts import Account, App, node_id

if TYPE_CHECKING:
    from bot.simulator.repositories import Pull, Subject


@dataclass(slots=True, eq=False)
class Label:
    """A label of a repository."""

    id: int
    name: str
    color: str
    description: str | None = None


@dataclass(slots=True, eq=False)
class Reaction:
    """What somebody felt: "+1", "eyes" and so on."""

    id: int
    user: Account
    content: str
    created_at: datetime


@dataclass(slots=True, eq=False)
class Comment:
    """A comment on a pull request or an issue. `by_app`: the App under test wrote it; `app`: whichever App did."""

    id: int
    subject: Subject
    user: Account
    body: str
    by_app: bool
    association: str
    created_at: datetime
    updated_at: datetime
    app: App | None = None
    edited_by: Account | None = None
    minimized: bool = False
    classifier: str | None = None
    given_reactions: list[Reaction] = field(default_factory=list)

    @property
    def author(self) -> str:
        """The login of who wrote it."""
        return self.user.login

    @property
    def node_id(self) -> str:
        """The id in GraphQL."""
        return node_id("IC", self.id)

    @property
    def reactions(self) -> dict[str, set[str]]:
        """Who reacted, by content."""
        return logins_by_content(self.given_reactions)


@dataclass(slots=True, eq=False)
class Review:
    """A submitted review; `state` is written as the REST API does: APPROVED, COMMENTED and so on."""

    id: int
    pull: Pull
    user: Account
    body: str
    state: str
    commit_id: str
    association: str
    submitted_at: datetime
    edited_by: Account | None = None
    edited_at: datetime | None = None

    @property
    def author(self) -> str:
        """The login of who wrote it."""
        return self.user.login


@dataclass(frozen=True, slots=True, eq=False)
class Remark:
    """A comment on one line of a changed file, which GitHub calls a review comment."""

    id: int
    review: Review
    path: str
    line: int
    body: str
    start_line: int | None = None

    @property
    def author(self) -> str:
        """The login of who wrote it."""
        return self.review.author


@dataclass(frozen=True, slots=True, eq=False)
class Happening:
    """One entry of a pull request's history, as `GET /issues/{n}/events` tells it."""

    id: int
    event: str
    actor: Account
    created_at: datetime
    app: App | None = None
    label: Label | None = None
    commit_id: str | None = None
    review_id: int | None = None  # of the review that was dismissed


def logins_by_content(reactions: Iterable[Reaction]) -> dict[str, set[str]]:
    """Return who gave which reaction."""
    found: dict[str, set[str]] = {}
    for reaction in reactions:
        found.setdefault(reaction.content, set()).add(reaction.user.login)
    return found
