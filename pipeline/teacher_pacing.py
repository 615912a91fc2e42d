"""How many requests may be under way at once: found out from what the server makes of them. Pure, time is given.

The aim is the highest rate of good answers with the fewest requests under way. The limit climbs while a higher one
brings more, steps back where it does not, and gives way at once when most of what is sent comes back unanswered.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

START = 32  # at once, until the first round has been seen
_STEP = 1.25  # between two limits that are compared, where a limit is not doubled
_WORTH_IT = 0.3  # of the growth of the limit must be seen in the rate, or it was for nothing
_AS_FAST = 0.95  # a lower limit is kept when the rate stays above this share
_COLLAPSE = 0.5  # share of requests turned away at which the limit falls at once
_TELLING = 8  # requests have ended before a round says anything, however few are under way
_LONGEST_HOLD = 32  # rounds without an experiment
_AT_THE_TOP = 16  # rounds before it is asked whether less than the most would do
_ASKS_THAT_TELL = 3  # so many different ones must fail before the server is suspected


@dataclass(slots=True)
class _Round:
    """What happened while about as many requests ended as were under way. Only full rounds teach anything."""

    began_s: float
    answered: int = 0
    turned_away: int = 0
    work: float = 0.0
    peak: int = 0
    was_full: bool = True


class Pace:
    """The limit, and what has been learned about it. `limit` is all that a caller needs to read."""

    def __init__(self, least: int, most: int, now_s: float) -> None:
        self._least = max(1, least)
        self._most = max(self._least, most)
        self.limit = self._bounded(START)
        self._is_climbing = True  # by doubling, up to
        self._ceiling = 2 * self._most  # where doubling went wrong
        self._was_up = True  # the last experiment
        self._before: tuple[int, float] | None = None  # the limit and rate that the present limit is compared with
        self._is_giving_way = False
        self._hold = 0  # rounds until the next experiment
        self._next_hold = 2
        self._round = _Round(now_s)

    def answered(self, now_s: float, under_way: int, work: float) -> None:
        """Count an answer. `under_way` is how many requests were, itself included; `work` is what it brought."""
        self._round.answered += 1
        self._round.work += work
        self._ended(now_s, under_way)

    def turned_away(self, now_s: float, under_way: int) -> None:
        """Count a request that the server had no room or no time for: 429, 503 and the like, time-outs."""
        self._round.turned_away += 1
        self._ended(now_s, under_way)

    def _ended(self, now_s: float, under_way: int) -> None:
        this = self._round
        this.peak = max(this.peak, under_way)
        this.was_full = this.was_full and under_way >= self.limit
        if this.answered + this.turned_away < max(_TELLING, min(self.limit, this.peak)):
            return
        self._round = _Round(now_s)
        share = this.turned_away / (this.answered + this.turned_away)
        if share > _COLLAPSE:
            self._give_way(this.peak, share)
        elif this.was_full and now_s > this.began_s:
            self._learn(this.work / (now_s - this.began_s))

    def _give_way(self, peak: int, share: float) -> None:
        limit = min(self.limit, peak)
        if not self._is_giving_way:
            self._ceiling = limit
            self._wait_longer()
        self._is_giving_way, self._is_climbing, self._before = True, True, None
        self.limit = self._bounded(int(limit * (1 - share / 2)))
        self._round.was_full = False

    def _learn(self, rate: float) -> None:
        """Judge the last step by the rate it brought, and take the next one."""
        self._is_giving_way = False
        before, self._before = self._before, None
        if before is not None and not _was_worth_it(rate, before[1], self.limit / before[0]):
            self._go_to(before[0])
            self._is_climbing = False
            self._wait_longer()
        elif self._hold > 0:
            self._hold -= 1
        else:
            if before is not None:
                self._next_hold = 2
            limit = self.limit
            self._go_to(self._next_limit())
            if self.limit != limit:
                self._before = (limit, rate)
            if limit < self.limit == self._most:
                self._hold = _AT_THE_TOP

    def _wait_longer(self) -> None:
        self._hold, self._next_hold = self._next_hold, min(self._next_hold * 2, _LONGEST_HOLD)

    def _next_limit(self) -> int:
        """Return the limit to try next: doubled, then a step up and a step down in turn."""
        if self._is_climbing and self.limit * 2 < self._ceiling:
            return self.limit * 2
        self._is_climbing = False
        goes_up = self.limit < self._most and not self._was_up
        self._was_up = goes_up
        return max(self.limit + 1, int(self.limit * _STEP)) if goes_up else int(self.limit / _STEP)

    def _go_to(self, limit: int) -> None:
        limit = self._bounded(limit)
        self._round.was_full = limit >= self.limit  # while more are still under way than a limit allows: not judged
        self.limit = limit

    def _bounded(self, limit: int) -> int:
        return min(max(limit, self._least), self._most)


def _was_worth_it(rate: float, old_rate: float, growth: float) -> bool:
    if growth < 1:
        return rate >= old_rate * _AS_FAST
    return rate >= old_rate * (1 + _WORTH_IT * (growth - 1))


class Absence:
    """Whether the server is away for good: no good answer for `away_after_s` though it was tried again and again.

    One ask alone that always fails says nothing about the server, unless nobody is there to answer it. `since_s` is
    when tries began to fail, None while there are answers.
    """

    def __init__(self, away_after_s: float) -> None:
        self._away_after_s = away_after_s
        self.since_s: float | None = None
        self._failed: set[int] = set()
        self._nobody_there = False

    def answered(self) -> None:
        """Note that the server answered."""
        self.since_s = None
        self._failed.clear()
        self._nobody_there = False

    def failed(self, ask: int, now_s: float, *, nobody_there: bool) -> bool:
        """Note a failed try and return whether the server is to be taken for away."""
        if self.since_s is None:
            self.since_s = now_s
        if len(self._failed) < _ASKS_THAT_TELL:
            self._failed.add(ask)
        self._nobody_there = self._nobody_there or nobody_there
        tells = self._nobody_there or len(self._failed) >= _ASKS_THAT_TELL
        return tells and now_s - self.since_s >= self._away_after_s


def pause_s(tries: int, asked_for_s: float, longest_s: float, rng: random.Random) -> float:
    """Return how long to wait after so many failed tries: longer each time, never the same for two.

    What the server asks for in Retry-After is kept, up to `longest_s`.
    """
    backoff = min(longest_s, 0.25 * 2.0 ** min(tries - 1, 16)) * rng.uniform(0.5, 1.0)
    return max(backoff, min(asked_for_s, longest_s) * rng.uniform(1.0, 1.1))


def asked_for_s(retry_after: str, now_unix_s: float) -> float:
    """Return what a Retry-After header asks for, in seconds; 0 for none or nonsense.

    Source: RFC 9110, section 10.2.3.
    """
    text = retry_after.strip()[:40]
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now_unix_s)
    except (ValueError, TypeError, OverflowError):
        return 0.0
