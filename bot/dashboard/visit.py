"""One request of a page: who asks, about which repository, and what the page may answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

from aiohttp import web

from bot.dashboard.access import Access
from bot.dashboard.doors import Doors
from bot.dashboard.house import House
from bot.dashboard.order_pace import MOST_ORDERS
from bot.events import Origin
from bot.store.sessions import Session

_TOO_FAST = (
    f"You have decided {MOST_ORDERS} times in the last ten minutes. Each time the bot writes on GitHub, where it "
    "may write only so often. Wait some minutes; commands in comments work as ever. Nothing was changed."
)
NOT_THERE = (
    "There is no such page, or it is not for everybody. Check the address; if it is right, sign in with an account "
    "that may read it."
)
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


class RefusedVisitError(Exception):
    """A page that is not shown; the reader is told why, in plain words.

    RefusedVisitError
    ├── NotThereError     there is no such thing, or the reader may not know that there is
    ├── SignInError       it might be theirs to see: they should sign in
    ├── TooFastError      they decide faster than anybody can read
    ├── BadRequestError   what was sent makes no sense, such as a form of yesterday
    └── StartingError     nobody can answer yet
    """

    status = HTTPStatus.BAD_REQUEST


class NotThereError(RefusedVisitError):
    """There is no such thing, or the reader may not know that there is."""

    status = HTTPStatus.NOT_FOUND


class SignInError(RefusedVisitError):
    """It might be theirs to see: they should sign in first."""

    status = HTTPStatus.UNAUTHORIZED


class TooFastError(RefusedVisitError):
    """They, or a program of theirs, decide faster than anybody can read."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class BadRequestError(RefusedVisitError):
    """What was sent makes no sense; the text says what to do instead."""


class StartingError(RefusedVisitError):
    """The bot is just starting: nobody can answer yet."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows: a template of `bot/dashboard/templates/` and the facts for it."""

    template: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    heading: str = ""  # where that of the page does not say it
    status: HTTPStatus = HTTPStatus.OK


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a page. Only pages below a repository have an `access`."""

    house: House
    doors: Doors
    request: web.Request
    session: Session | None
    now: datetime
    opened: Access | None = None

    @property
    def access(self) -> Access:
        """What the reader may see of the repository that the address names."""
        if self.opened is None:
            raise NotThereError("This page belongs to no repository.")
        return self.opened

    @property
    def origin(self) -> Origin:
        """The repository that the address names."""
        return self.access.origin

    @property
    def repository_id(self) -> int:
        """Its id."""
        return self.origin.repository_id

    @property
    def login(self) -> str:
        """Who is signed in; empty for nobody."""
        return self.session.login if self.session else ""

    def refusal(self, why: str) -> RefusedVisitError:
        """Return the refusal of what is not for this reader.

        Of a repository that they may not read at all they hear what is said of one that is not there.
        """
        told = why if self.access.reads else NOT_THERE
        return SignInError(told) if self.session is None else NotThereError(told)

    def count_order(self, session: Session) -> None:
        """Count a decision of whoever is signed in. Raises TooFastError for one too many."""
        if not self.house.order_pace.lets(session.user_id, self.now):
            raise TooFastError(_TOO_FAST)

    def number(self, name: str, most: int = 10**18) -> int:
        """Return a positive whole number of the address. Raises NotThereError for anything else."""
        given = self.request.match_info[name]
        if not _NUMBER.fullmatch(given) or int(given) > most:
            raise NotThereError(f"\u201c{given[:40]}\u201d is no number.")
        return int(given)

    def place(self, name: str) -> int:
        """Return a place in a list that the query names, by the id of a row; 0 for none, or what is no id."""
        given = self.request.query.get(name, "")
        return int(given) if _NUMBER.fullmatch(given) else 0

    def word(self, name: str, allowed: Mapping[str, Any] | frozenset[str], otherwise: str = "") -> str:
        """Return a choice of the query, or `otherwise` for one that is not among those allowed."""
        given = self.request.query.get(name, otherwise)
        return given if given in allowed else otherwise

    def text(self, name: str, most: int = 100) -> str:
        """Return words that the reader has typed, on one line of at most so many characters."""
        return " ".join(self.request.query.get(name, "").split())[:most]

    def path(self, rest: str = "") -> str:
        """Return the path of a page below this repository, such as "/pulls/12"."""
        return f"{self.house.settings.base_path}/r/{self.origin.full_name}{rest}"
