"""The line: which waiting job goes first. Higher priority has a head start, and whoever waits long is not passed.

A job's place is one moment, `due_at`, fixed when it is queued: the earlier goes first. Because a head start is a
span of time and not a class, a job of low priority overtakes all that come later than that span, so none starves.

Where one GPU holds either the teacher or the student, changing between them costs minutes. Jobs that need what is
loaded may then go before others, but no job is passed for longer than the patience after it was first passed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from pipeline.contract import Load

T = TypeVar("T")

PULL_REQUEST_PRIORITY, NIGHTLY_PRIORITY = 10, 0

_HEAD_START = timedelta(hours=1)  # for one step of priority: ten hours between pull requests and the night
_STEP_BACK = timedelta(minutes=10)  # for each job that already waits for the same author
_MOST_STEPS = 20


def due_at(queued_at: datetime, priority: int, waiting_of_author: int = 0) -> datetime:
    """Return the place of a job in its line. Who has many jobs waiting goes a little behind who has none."""
    return queued_at - priority * _HEAD_START + min(waiting_of_author, _MOST_STEPS) * _STEP_BACK


def in_batches(
    waiting: Sequence[T],
    need_of: Callable[[T], Load],
    loaded: Collection[Load],
    *,
    is_overdue: Callable[[T], bool] = lambda _: False,
    limit: int,
) -> list[T]:
    """Return the first jobs of a line in the order that saves swaps: overdue, what is loaded, the rest.

    `waiting` stands in the order of the line, and so do those that are alike. Once a job is taken, what it needs
    is what is loaded.
    """
    rest = list(waiting)
    taken: list[T] = []
    now_loaded = frozenset(loaded)
    while rest and len(taken) < limit:
        overdue = next((job for job in rest if is_overdue(job)), None)
        fitting = next((job for job in rest if need_of(job) in now_loaded or need_of(job) is Load.NOTHING), rest[0])
        job = fitting if overdue is None else overdue
        rest.remove(job)
        taken.append(job)
        if need_of(job) is not Load.NOTHING:
            now_loaded = frozenset({need_of(job)})
    return taken


class PassedOver:
    """Remembers since when jobs are passed by others. A restart costs one patience more."""

    def __init__(self, patience: timedelta) -> None:
        self._patience = patience
        self._since: dict[int, datetime] = {}

    def is_overdue(self, job_id: int, now: datetime) -> bool:
        """True for a job that is not to be passed any more."""
        since = self._since.get(job_id)
        return since is not None and now - since >= self._patience

    def note(self, line: Sequence[int], taken: Collection[int], now: datetime) -> None:
        """Remember which jobs of a line were passed when some were taken; those that are gone are forgotten."""
        gone = set(self._since) - set(line) | set(taken)
        for job_id in gone:
            self._since.pop(job_id, None)
        last = max((place for place, job_id in enumerate(line) if job_id in taken), default=-1)
        for job_id in line[: last + 1]:
            if job_id not in taken:
                self._since.setdefault(job_id, now)
