"""Pull requests for the pages: found by what they are and by whom they wait for, a page at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.jobs import JobKind, JobState
from bot.labels import Label
from bot.readiness import Who
from bot.store.approvals import ApprovalKind
from bot.store.pull_requests import MERGED
from bot.store.tables import UtcDateTime, approvals, jobs, leaves, pull_requests
from bot.workflow import State
from checks.contribution import ROOTS
from checks.findings import Outcome
from checks.policy import Merging

PAGE = 25
_ESCAPE = "\\"
_OWN = frozenset({Who.AUTHOR})  # whose turn it is on the own work
_P = pull_requests.c
_SHOWN = (
    _P.number,
    _P.title,
    _P.author,
    _P.author_id,
    _P.state,
    _P.flags,
    _P.outcome,
    _P.state_since,
    _P.failing_causes,
    _P.paths,
    _P.is_open,
    _P.closed_as,
    _P.head_sha,
    _P.updated_at,
)


class Openness(StrEnum):
    """Which pull requests are asked for."""

    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"  # merged or not
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Turns:
    """A reader's turn: on those of others that wait for one of `whose`, on own ones that wait for the author.

    Nobody looks after what is the own work.
    """

    whose: frozenset[Who]
    reader_id: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the list, which is ordered by the last change."""

    updated_at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; what is empty does not narrow it."""

    openness: Openness = Openness.OPEN
    state: State | None = None
    who: Who | None = None
    turns: Turns | None = None
    author_id: int = 0
    words: str = ""
    older_than: Cursor | None = None
    newer_than: Cursor | None = None


@dataclass(frozen=True, slots=True)
class PullRow:
    """One pull request as the pages show it."""

    number: int
    title: str
    author: str
    author_id: int
    state: State
    flags: frozenset[Label]
    outcome: Outcome | None
    state_since: datetime | None
    things_to_fix: int
    paths: tuple[str, ...]
    is_open: bool
    closed_as: str
    head_sha: str
    updated_at: datetime
    who: Who

    @property
    def cursor(self) -> Cursor:
        """Its place in the list."""
        return Cursor(self.updated_at, self.number)


@dataclass(frozen=True, slots=True)
class PullPage:
    """Some rows, newest change first, and whether there are others before and behind."""

    rows: tuple[PullRow, ...]
    has_newer: bool
    has_older: bool


@dataclass(frozen=True, slots=True)
class Waits:
    """How many open pull requests wait for whom, and how many of all for the reader."""

    by_who: Mapping[Who, int] = field(default_factory=dict)
    for_reader: int = 0


class BoardPulls:
    """Reads pull requests of one repository, by the terms on which they are merged there."""

    def __init__(self, engine: AsyncEngine, repository_id: int, merging: Merging) -> None:
        self._engine = engine
        self._repository_id = repository_id
        self._who = _who(merging)

    async def page(self, wanted: Wanted, size: int = PAGE) -> PullPage:
        """Return a page of what is looked for, of so many at most."""
        goes_back = wanted.newer_than is not None and wanted.older_than is None
        place = wanted.newer_than if goes_back else wanted.older_than
        here = tuple_(_P.updated_at, _P.number)
        query = self._of(wanted)
        if place is not None:
            there = tuple_(literal(place.updated_at, UtcDateTime), literal(place.number))
            query = query.where(here > there if goes_back else here < there)
        order = (_P.updated_at, _P.number) if goes_back else (_P.updated_at.desc(), _P.number.desc())
        rows = await self._rows(query.order_by(*order).limit(size + 1))
        has_more = len(rows) > size
        rows = rows[:size]
        if goes_back:
            return PullPage(tuple(reversed(rows)), has_newer=has_more, has_older=True)
        return PullPage(tuple(rows), has_newer=place is not None, has_older=has_more)

    async def one(self, number: int) -> PullRow | None:
        """Return one pull request."""
        query = self._select().where(_P.number == number)
        return next(iter(await self._rows(query)), None)

    async def has_of(self, author_id: int) -> bool:
        """Return whether there is a pull request of an account."""
        its = (_P.repository_id == self._repository_id, _P.author_id == author_id)
        async with self._engine.connect() as connection:
            return bool(author_id) and bool((await connection.execute(select(exists().where(*its)))).scalar_one())

    async def waits(self, turns: Turns | None = None) -> Waits:
        """Count the open pull requests by whom they wait for, and those whose turn it is among `turns`."""
        reader_id = turns.reader_id if turns is not None else 0
        is_own = (_P.author_id == reader_id).label("is_own")
        found = select(self._who.label("who"), is_own).where(*self._open()).subquery()
        query = select(found.c.who, found.c.is_own, func.count()).group_by(found.c.who, found.c.is_own)
        by_who: dict[Who, int] = {}
        meant = 0
        async with self._engine.connect() as connection:
            for name, is_own_one, count in await connection.execute(query):
                who = Who[name]
                by_who[who] = by_who.get(who, 0) + count
                if turns is not None:
                    meant += count if who in (_OWN if is_own_one else turns.whose) else 0
        return Waits(by_who, meant)

    async def next_turn(self, turns: Turns, after: PullRow) -> int | None:
        """Return the number of the one that has waited longest after another; at the end, the longest of all."""
        since = func.coalesce(_P.state_since, _P.updated_at)
        query = select(_P.number).where(*self._open(), _is_turn(self._who, turns), _P.number != after.number)
        place = tuple_(literal(after.state_since or after.updated_at, UtcDateTime), literal(after.number))
        ordered = query.order_by(since, _P.number).limit(1)
        async with self._engine.connect() as connection:
            later = ordered.where(tuple_(since, _P.number) > place)
            found = (await connection.execute(later)).scalar_one_or_none()
            return found if found is not None else (await connection.execute(ordered)).scalar_one_or_none()

    def _open(self) -> tuple[ColumnElement[bool], ...]:
        return (_P.repository_id == self._repository_id, _P.is_open)

    def _select(self) -> Select[Any]:
        return select(*_SHOWN, self._who.label("who")).where(_P.repository_id == self._repository_id)

    def _of(self, wanted: Wanted) -> Select[Any]:
        query = self._select()
        if wanted.openness is not Openness.ALL:
            query = query.where(_P.is_open if wanted.openness is Openness.OPEN else ~_P.is_open)
        if wanted.openness is Openness.MERGED:
            query = query.where(_P.closed_as == MERGED)
        if wanted.state is not None:
            query = query.where(_P.state == wanted.state.value)
        if wanted.author_id:
            query = query.where(_P.author_id == wanted.author_id)
        if wanted.who is not None:
            query = query.where(self._who == wanted.who.name)
        if wanted.turns is not None:
            query = query.where(_P.is_open, _is_turn(self._who, wanted.turns))
        return query.where(_matches(wanted.words)) if wanted.words else query

    async def _rows(self, query: Select[Any]) -> list[PullRow]:
        async with self._engine.connect() as connection:
            return [_row(row) for row in (await connection.execute(query)).mappings()]


def _matches(words: str) -> ColumnElement[bool]:
    """Return what finds words in title, author and paths; a number finds its pull request, too."""
    number = words.removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) < 10:
        by_number = _P.number == int(number)
        return by_number if words.startswith("#") else or_(by_number, _holds(_P.title, words))
    in_paths = json.dumps(words)[1:-1]  # as paths are kept
    return or_(_holds(_P.title, words), _holds(_P.author, words.removeprefix("@")), _holds(_P.paths, in_paths))


def _holds(column: ColumnElement[str], words: str) -> ColumnElement[bool]:
    return column.ilike(f"%{_escaped(words)}%", escape=_ESCAPE)


def _escaped(words: str) -> str:
    for special in (_ESCAPE, "%", "_"):
        words = words.replace(special, _ESCAPE + special)
    return words


@lru_cache(maxsize=64)
def _who(merging: Merging) -> ColumnElement[str]:
    """Return the name of who acts next, as `bot.readiness` decides it, from what the database knows.

    What only GitHub knows is left out: a conflict shows once a merge was tried.
    """
    held = Label.LEGAL_HOLD, Label.HOLD
    begins, holds = '["', '%"'  # nearly always the first path tells
    teaches = or_(
        *(_P.paths.like(f"{at}{_escaped(root)}/%", escape=_ESCAPE) for at in (begins, holds) for root in ROOTS)
    )
    ready = Who.US if merging.automatic else Who.APPROVER
    return case(
        (~_P.is_open, _name(Who.NOBODY)),
        (_P.state == State.REJECTED.value, _name(Who.APPROVER)),
        (_P.outcome == "", _name(Who.US)),
        (_P.outcome == Outcome.FAILED.value, _name(Who.AUTHOR)),
        (_P.outcome == Outcome.UNVERIFIED.value, _name(Who.US)),
        (_P.state == State.NEW.value, _name(Who.AUTHOR)),  # a draft
        (_is_on(held[0]), _name(Who.MAINTAINER)),
        (_is_on(held[1]), _name(Who.HOLDER)),
        (_P.state == State.CHANGES_REQUESTED.value, _name(Who.AUTHOR)),
        (_is_on(Label.READY_TO_MERGE), _refused_to(ready)),
        (and_(teaches, _P.state != State.APPROVED.value), _name(Who.TRIAGER)),
        (~teaches, _refused_to(Who.MAINTAINER)),
        *([(~_is_evaluated(), _name(Who.TRIAGER))] if merging.needs_evaluation else []),
        (_approvals() < merging.approvals, _name(Who.APPROVER)),
        (or_(_has_kind(Label.CI), _has_kind(Label.DOCUMENTATION)), _refused_to(Who.MAINTAINER)),
        (_has_rival(), _name(Who.BOTH)),
        else_=_refused_to(Who.APPROVER),
    )


def _refused_to(otherwise: Who) -> ColumnElement[str]:
    """Return who has to act on a merge that was refused; without one, `otherwise`."""
    whens = [(_P.merge_refusal.like(f"{who.name}\t%"), _name(who)) for who in Who]
    return case(*whens, else_=_name(otherwise))


def _name(who: Who) -> ColumnElement[str]:
    return literal_column(f"'{who.name}'")


def _is_on(label: Label) -> ColumnElement[bool]:
    return (" " + _P.flags + " ").like(f"% {_escaped(label)} %", escape=_ESCAPE)


def _has_kind(label: Label) -> ColumnElement[bool]:
    return (" " + _P.own_labels + " ").like(f"% {_escaped(label)} %", escape=_ESCAPE)


def _approvals() -> ColumnElement[int]:
    a = approvals.c
    return (
        select(func.count(a.actor_id.distinct()))
        .where(
            a.repository_id == _P.repository_id,
            a.number == _P.number,
            a.kind == ApprovalKind.APPROVE.value,
            a.content_digest == _P.content_digest,
            a.fell_at.is_(None),
            a.actor_id != _P.author_id,
        )
        .correlate(pull_requests)
        .scalar_subquery()
    )


def _is_evaluated() -> ColumnElement[bool]:
    j = jobs.c
    return exists(
        select(j.id)
        .where(
            j.repository_id == _P.repository_id,
            j.number == _P.number,
            j.kind == JobKind.EVALUATE.value,
            j.state == JobState.SUCCEEDED.value,
            j.head_sha == _P.head_sha,
        )
        .correlate(pull_requests)
    )


def _has_rival() -> ColumnElement[bool]:
    """Return whether another open one is for the same leaf; few come so far that it has to be looked up."""
    mine, theirs, other = leaves.alias("mine"), leaves.alias("theirs"), pull_requests.alias("other")
    is_open = exists().where(
        other.c.repository_id == theirs.c.repository_id, other.c.number == theirs.c.number, other.c.is_open
    )
    is_shared = exists().where(
        theirs.c.repository_id == mine.c.repository_id,
        theirs.c.leaf == mine.c.leaf,
        theirs.c.number != mine.c.number,
        is_open.correlate(theirs),
    )
    of_mine = exists().where(
        mine.c.repository_id == _P.repository_id, mine.c.number == _P.number, is_shared.correlate(mine)
    )
    return of_mine.correlate(pull_requests)


def _is_turn(who: ColumnElement[str], turns: Turns) -> ColumnElement[bool]:
    is_own = _P.author_id == turns.reader_id
    own = and_(is_own, who.in_(_names(_OWN)))
    return or_(own, and_(~is_own, who.in_(_names(turns.whose)))) if turns.whose else own


def _names(whose: Iterable[Who]) -> list[str]:
    return sorted(who.name for who in whose)


def _row(row: RowMapping) -> PullRow:
    return PullRow(
        number=row["number"],
        title=row["title"],
        author=row["author"],
        author_id=row["author_id"],
        state=State(row["state"]),
        flags=frozenset(Label(name) for name in row["flags"].split()),
        outcome=Outcome(row["outcome"]) if row["outcome"] else None,
        state_since=row["state_since"],
        things_to_fix=len(row["failing_causes"].split()),
        paths=tuple(json.loads(row["paths"])) if row["paths"] else (),
        is_open=row["is_open"],
        closed_as=row["closed_as"],
        head_sha=row["head_sha"],
        updated_at=row["updated_at"],
        who=Who[row["who"]],
    )
