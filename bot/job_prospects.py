"""When a job should be done: from its place, from who works on its queue, and from how long such jobs took."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

_LONGEST_S = 7 * 24 * 3600.0  # workers tell how long they took: beyond this nobody believes them
_TELLING_SHARE = 0.1  # progress below this says nothing about the rest
_OVERDUE_SHARE = 0.1  # of the usual time, for what takes longer than usual

Times = Mapping[str, Sequence[float]]  # by kind: how long its newest successful jobs ran, in seconds


@dataclass(frozen=True, slots=True)
class Prospects:
    """How long a job should take from `seen_at` until it is done; None where nobody knows.

    `held_because` is a sentence that says why it does not begin, whatever its place is.
    """

    seen_at: datetime | None = None
    done_in: timedelta | None = None
    held_because: str = ""

    @property
    def done_at(self) -> datetime | None:
        """When it should be done."""
        return self.seen_at + self.done_in if self.seen_at and self.done_in is not None else None


NOTHING_KNOWN = Prospects()


@dataclass(frozen=True, slots=True)
class Work:
    """A job that a worker has: since how long, and how far it tells to be (0 to 1)."""

    kind: str
    elapsed: timedelta
    share: float | None = None


def usual(measured: Iterable[float]) -> float | None:
    """Return how long such a job usually runs, in seconds: the median, None when nothing was measured."""
    believed = [min(seconds, _LONGEST_S) for seconds in measured if seconds >= 0]
    return median(believed) if believed else None


def remaining(work: Work, times: Times) -> timedelta | None:
    """Return how long a running job should still take: by its own progress, else by what such jobs took."""
    elapsed_s = max(0.0, work.elapsed.total_seconds())
    if work.share is not None and _TELLING_SHARE <= work.share <= 1 and elapsed_s:
        return timedelta(seconds=min(_LONGEST_S, elapsed_s * (1 - work.share) / work.share))
    whole_s = usual(times.get(work.kind, ()))
    if whole_s is None:
        return None
    return timedelta(seconds=max(whole_s - elapsed_s, whole_s * _OVERDUE_SHARE))


def done_in(
    kind: str,
    ahead: Mapping[str, int],
    busy: Iterable[Work],
    idle: int,
    times: Times,
    swap: timedelta = timedelta(0),
) -> timedelta | None:
    """Return how long it should take until a waiting job is done, None where something needed was never measured.

    `ahead` counts by kind what is before it in the queue; `busy` is what the present workers do, `idle` how many of
    them do nothing; each takes the next as soon as it is free. `swap` is what changing models adds.
    """
    own_s = usual(times.get(kind, ()))
    left = [remaining(work, times) for work in busy]
    free_in_s = [each.total_seconds() for each in left if each is not None]
    if own_s is None or len(free_in_s) < len(left) or not (left or idle):
        return None
    free_in_s += [0.0] * idle
    heapq.heapify(free_in_s)
    for other, count in ahead.items():
        other_s = usual(times.get(other, ()))
        if other_s is None:
            return None
        for _ in range(count):
            heapq.heapreplace(free_in_s, free_in_s[0] + other_s)
    return timedelta(seconds=free_in_s[0] + own_s) + swap


def begins_in(line: Iterable[str], busy: Iterable[Work], idle: int, times: Times) -> Iterator[timedelta | None]:
    """Yield for each who waits, in order, how long it should take until a worker takes it; None once nobody knows."""
    left = [remaining(work, times) for work in busy]
    free_in_s = [each.total_seconds() for each in left if each is not None] + [0.0] * idle
    is_known = bool(left or idle) and all(each is not None for each in left)
    heapq.heapify(free_in_s)
    for kind in line:
        yield timedelta(seconds=free_in_s[0]) if is_known else None
        whole_s = usual(times.get(kind, ()))
        is_known = is_known and whole_s is not None
        if is_known and whole_s is not None:
            heapq.heapreplace(free_in_s, free_in_s[0] + whole_s)
