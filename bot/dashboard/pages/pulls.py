"""The pull requests of a repository: how each stands, who acts next, and how to find one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from bot.dashboard.pull_words import ACTORS, STATES, StandingShown, standing_of, turns_of
from bot.dashboard.registry import REPOSITORY, Sees, page
from bot.dashboard.visit import NOT_THERE, Shown, Visit
from bot.readiness import Who
from bot.store.board_pulls import BoardPulls, Cursor, Openness, PullRow, Turns, Waits, Wanted
from bot.workflow import State

_CURSOR = re.compile(r"([0-9]{1,16})-([0-9]{1,9})")
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_VIEWS = frozenset({"mine", "waiting"})
_COUNTED = ("triager", "approver", "maintainer", "author", "bot")
_LONGEST_TITLE = 160


@dataclass(frozen=True, slots=True)
class RowShown:
    """One line of the list."""

    number: int
    title: str
    author: str
    is_mine: bool
    path: str
    standing: StandingShown
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class WaitShown:
    """How many wait for somebody, and where they are listed."""

    who: str
    count: int
    path: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class PullsShown:
    """The whole page."""

    rows: tuple[RowShown, ...]
    waits: tuple[WaitShown, ...]
    open_count: int
    for_reader: int
    newer: str  # paths; empty: there are none
    older: str
    is_narrowed: bool
    choice: Mapping[str, str]  # of each filter, as the form sends it


@page(f"{REPOSITORY}/pulls", "Pull requests", sees=Sees.JUDGED, menu=20)
async def pulls(visit: Visit) -> Shown:
    """Show what is looked for, the newest change first; to those who may not read the repository their own ones."""
    choice = {
        "status": visit.word("status", frozenset(Openness), Openness.OPEN.value),
        "state": visit.word("state", frozenset(State)),
        "next": visit.word("next", ACTORS),
        "view": (visit.word("view", _VIEWS) if visit.session else "") if visit.access.reads else "mine",
        "q": visit.text("q"),
    }
    turns = turns_of(visit.access.role, visit.access.user_id)
    board = BoardPulls(visit.house.reads, visit.repository_id, visit.access.policy.merging)
    if not visit.access.reads and not await board.has_of(visit.access.user_id):
        raise visit.refusal(NOT_THERE)
    found = await board.page(_wanted(choice, turns, visit))
    waits = await board.waits(turns) if visit.access.reads else Waits()
    facts = PullsShown(
        rows=tuple(_row(row, visit) for row in found.rows),
        waits=_waits(waits, choice, visit) if visit.access.reads else (),
        open_count=sum(waits.by_who.values()),
        for_reader=waits.for_reader,
        newer=_path(visit, choice, before=found.rows[0].cursor) if found.rows and found.has_newer else "",
        older=_path(visit, choice, after=found.rows[-1].cursor) if found.rows and found.has_older else "",
        is_narrowed=any(choice[name] for name in ("state", "next", "view", "q")),
        choice=choice,
    )
    actors = {name: who.value for name, who in ACTORS.items()}
    states = {state.value: words for state, words in STATES.items()}
    return Shown(
        "pulls.html", {"pulls": facts, "actors": actors, "states": states, "here_path": visit.path("/pulls")}
    )


def _wanted(choice: Mapping[str, str], turns: Turns | None, visit: Visit) -> Wanted:
    return Wanted(
        openness=Openness(choice["status"]),
        state=State(choice["state"]) if choice["state"] else None,
        who=ACTORS.get(choice["next"]),
        turns=turns if choice["view"] == "waiting" else None,
        author_id=visit.access.user_id if choice["view"] == "mine" else 0,
        words=choice["q"],
        older_than=_cursor(visit.text("after")),
        newer_than=_cursor(visit.text("before")),
    )


def _cursor(written: str) -> Cursor | None:
    """Return the place that an address names; None for one that makes no sense: the list begins anew."""
    match = _CURSOR.fullmatch(written)
    return Cursor(_BEGINNING + int(match[1]) * _MICROSECOND, int(match[2])) if match else None


def _written(cursor: Cursor) -> str:
    return f"{(cursor.updated_at - _BEGINNING) // _MICROSECOND}-{cursor.number}"


def _path(
    visit: Visit, choice: Mapping[str, str], *, after: Cursor | None = None, before: Cursor | None = None
) -> str:
    places = {"after": _written(after) if after else "", "before": _written(before) if before else ""}
    asked = {name: value for name, value in {**choice, **places}.items() if value}
    if asked.get("status") == Openness.OPEN:
        del asked["status"]
    return visit.path("/pulls") + (f"?{urlencode(asked)}" if asked else "")


def _waits(waits: Waits, choice: Mapping[str, str], visit: Visit) -> tuple[WaitShown, ...]:
    shown = []
    for name, who in ACTORS.items():
        count = waits.by_who.get(who, 0)
        if count or name in _COUNTED:
            path = _path(visit, {"status": Openness.OPEN.value, "next": name})
            shown.append(WaitShown(_short(who), count, path, choice["next"] == name))
    return tuple(shown)


def _short(who: Who) -> str:
    return {Who.HOLDER: "whoever held it up"}.get(who, who.value)


def _row(row: PullRow, visit: Visit) -> RowShown:
    title = row.title or f"Pull request {row.number}"
    return RowShown(
        number=row.number,
        title=title if len(title) <= _LONGEST_TITLE else title[: _LONGEST_TITLE - 1] + "…",
        author=row.author,
        is_mine=visit.access.is_account(row.author_id),
        path=visit.path(f"/pulls/{row.number}"),
        standing=standing_of(row),
        changed_at=row.updated_at,
    )
