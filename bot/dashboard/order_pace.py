"""How fast one person may decide on pages: each decision is a comment on GitHub, of which we may write so many."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

MOST_ORDERS = 30
_WITHIN = timedelta(minutes=10)
_MOST_PEOPLE = 1000  # beyond that, those who have not decided anything lately are dropped


class OrderPace:
    """Counts decisions of each account, in this process."""

    def __init__(self) -> None:
        self._given: dict[int, deque[datetime]] = {}

    def lets(self, user_id: int, now: datetime) -> bool:
        """Return whether somebody may decide once more, and count it if so."""
        given = self._given.setdefault(user_id, deque())
        while given and given[0] <= now - _WITHIN:
            given.popleft()
        if len(given) >= MOST_ORDERS:
            return False
        given.append(now)
        if len(self._given) > _MOST_PEOPLE:
            self._given = {who: told for who, told in self._given.items() if told[-1] > now - _WITHIN}
        return True
