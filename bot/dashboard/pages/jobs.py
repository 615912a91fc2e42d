"""All jobs of a repository, the newest first, by kind, by how they stand and by pull request."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlencode

from bot.dashboard.job_words import TITLES
from bot.dashboard.queue_facts import job_shown
from bot.dashboard.registry import REPOSITORY, Sees, page
from bot.dashboard.visit import Shown, Visit
from bot.jobs import JobKind, JobState
from bot.store.board_jobs import BoardJobs, JobFilter

_PER_PAGE = 30
_LONGEST_NUMBER = 9  # digits
_STATES: Mapping[str, tuple[str, frozenset[JobState]]] = MappingProxyType(
    {
        "waiting": ("waits", frozenset({JobState.QUEUED})),
        "running": ("runs", frozenset({JobState.RUNNING})),
        "done": ("done", frozenset({JobState.SUCCEEDED})),
        "failed": (
            "came to nothing",
            frozenset({JobState.FAILED_BY_CONTRIBUTION, JobState.INFRA_ERROR, JobState.TIMED_OUT}),
        ),
        "ended": ("cancelled or superseded", frozenset({JobState.CANCELLED, JobState.SUPERSEDED})),
    }
)
_KINDS = {kind.value: title for kind, title in TITLES.items()}


@page(REPOSITORY + "/jobs", "Jobs", sees=Sees.READERS, menu=30)
async def jobs(visit: Visit) -> Shown:
    """Show jobs."""
    board = BoardJobs(visit.house.reads)
    kind, state, number, before = visit.word("kind", _KINDS), visit.word("state", _STATES), *_numbers(visit)
    wanted = JobFilter(JobKind(kind) if kind else None, _STATES[state][1] if state else (), number)
    rows = await board.newest(visit.repository_id, wanted, before, _PER_PAGE + 1)
    shown, is_more = rows[:_PER_PAGE], len(rows) > _PER_PAGE
    pulls = await board.titles(visit.repository_id, {row.number for row in shown if row.number})
    nights = await board.build_names({row.build_id for row in shown if row.build_id})
    chosen = {"kind": kind, "state": state, "number": str(number or "")}
    filters = {name: value for name, value in chosen.items() if value}
    older = f"?{urlencode(filters | {'before': shown[-1].id})}" if is_more else ""
    facts = {
        "jobs": tuple(job_shown(row, visit.access, pulls, nights) for row in shown),
        "kinds": _KINDS,
        "states": {name: words for name, (words, _) in _STATES.items()},
        "chosen": chosen,
        "older": older,
        "newest": f"?{urlencode(filters)}" if before else "",
        "is_filtered": bool(filters),
    }
    return Shown("jobs.html", facts)


def _numbers(visit: Visit) -> tuple[int, int]:
    """Return the pull request that is asked for, and the job before which the page begins; 0 for none."""
    number, before = visit.text("number").lstrip("#"), visit.text("before")
    return _whole(number, _LONGEST_NUMBER), _whole(before, 2 * _LONGEST_NUMBER)


def _whole(text: str, longest: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= longest else 0
