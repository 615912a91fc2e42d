"""Who may come in: whoever holds the address that was printed, once, from this machine, within the hour."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta

from bot.clock import Clock

COOKIE = "taxonomy-bot-setup"
OPEN_FOR = timedelta(minutes=60)


class DoorError(Exception):
    """Somebody is not let in; the text says why, and gives nothing away."""


class Door:
    """One token, good for one visitor, who is known by a cookie from then on."""

    def __init__(self, clock: Clock) -> None:
        self.token = secrets.token_urlsafe(32)
        self._session = secrets.token_urlsafe(32)
        self._clock = clock
        self._closes_at = clock.now() + OPEN_FOR
        self._is_used = False
        self._codes: dict[str, str] = {}  # by the state they came with; empty where none has come yet

    @property
    def is_closed(self) -> bool:
        """Whether the hour is over."""
        return self._clock.now() >= self._closes_at

    @property
    def closes_at(self) -> datetime:
        """When the hour is over."""
        return self._closes_at

    def enter(self, token: str) -> str:
        """Return what the visitor is known by from now on. Raises DoorError."""
        self._check_hour()
        if not _same(token, self.token):
            raise DoorError("This address is not the one that was printed in the terminal.")
        if self._is_used:
            raise DoorError("This address was opened before, and works once. Start `taxonomy-bot setup` again.")
        self._is_used = True
        return self._session

    def check(self, session: str) -> None:
        """Raise DoorError unless this is the visitor."""
        self._check_hour()
        if not self._is_used or not _same(session, self._session):
            raise DoorError("Open the address that was printed in the terminal: only that browser is let in.")

    def new_state(self) -> str:
        """Return what goes to GitHub with a form and comes back with its code, so that nobody slips in another."""
        state = secrets.token_urlsafe(32)
        self._codes[state] = ""
        return state

    def check_code(self, state: str, code: str) -> None:
        """Raise DoorError unless a form of ours brought this code. The same one may come again."""
        ours = next((each for each in self._codes if _same(state, each)), None)
        if ours is None or self._codes[ours] not in ("", code):
            raise DoorError("This did not come from the form on the page before. Begin there again.")
        self._codes[ours] = code

    def _check_hour(self) -> None:
        if self.is_closed:
            raise DoorError("The hour is over. Start `taxonomy-bot setup` again.")


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
