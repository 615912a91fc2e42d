"""Pull requests: how each stands, and who acts next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from bot.dashboard import places
from bot.dashboard.pull_words import ACTORS, standing_of, turns_of
from bot.dashboard.registry import Sees
from bot.dashboard.resource_registry import MOST_NUMBER, REPOSITORY, CursorWord, Limit, Listed, resource
from bot.dashboard.visit import NotThereError, SignInError, Visit
from bot.store.board_pulls import BoardPulls, Cursor, Openness, PullRow, Wanted
from bot.store.pull_requests import MERGED, MOST_PULLS
from bot.workflow import State
from checks.findings import Outcome

_LIST = "pulls"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NAMES = {who: name for name, who in ACTORS.items()}
_NOT_THERE = "The bot knows no such pull request here, or its pages are not for you."
_WHOSE = "Whose pull requests are meant shows once you are signed in."


class Actor(StrEnum):
    """Who may act next, as the pages call them."""

    AUTHOR = "author"
    TRIAGER = "triager"
    APPROVER = "approver"
    MAINTAINER = "maintainer"
    BOT = "bot"
    HOLDER = "holder"
    BOTH = "both"
    OTHERS = "others"


class View(StrEnum):
    """Which of them concern the reader."""

    MINE = "mine"
    WAITING = "waiting"  # for the reader


@dataclass(frozen=True, slots=True)
class PullQuery:
    """Which pull requests are looked for; what is left out does not narrow it."""

    status: Annotated[Openness, Field(description="Open, merged or closed ones (merged or not), or all.")] = (
        Openness.OPEN
    )
    state: Annotated[State | None, Field(description="Only those in this state of the review.")] = None
    next: Annotated[Actor | None, Field(description="Only those on which this person acts next.")] = None
    view: Annotated[View | None, Field(description="Your own, or those that wait for you.")] = None
    q: Annotated[str, Field(max_length=100, description="Words of title, author or path; or a number.")] = ""
    limit: Limit = 25
    cursor: CursorWord = ""


@dataclass(frozen=True, slots=True)
class PullFacts:
    """A pull request. `sentence` says in plain words how it stands; `next` who acts next, empty for nobody.

    `outcome` is what its checks came to, None while nobody knows.
    """

    number: int
    title: str
    author: str
    is_open: bool
    is_merged: bool
    state: State
    outcome: Outcome | None
    sentence: str
    next: str
    since: datetime | None
    things_to_fix: int
    kinds: tuple[str, ...]
    holds: tuple[str, ...]
    paths: tuple[str, ...]
    head_sha: str
    updated_at: datetime


@resource(f"{REPOSITORY}/pulls", "Pull requests, the newest change first", sees=Sees.JUDGED)
async def pulls(visit: Visit, query: PullQuery) -> Listed[PullFacts]:
    """Return a page of what is looked for; those who may not read the repository get their own ones."""
    if query.view is not None and visit.session is None:
        raise SignInError(_WHOSE)
    moment, number = places.read(_LIST, query.cursor, 2)
    turns = turns_of(visit.access.role, visit.access.user_id)
    wanted = Wanted(
        openness=query.status,
        state=query.state,
        who=ACTORS[query.next] if query.next is not None else None,
        turns=turns if query.view is View.WAITING else None,
        author_id=visit.access.user_id if query.view is View.MINE or not visit.access.reads else 0,
        words=" ".join(query.q.split()),
        older_than=Cursor(_BEGINNING + moment * _MICROSECOND, min(number, MOST_NUMBER)) if query.cursor else None,
    )
    found = await _board(visit).page(wanted, query.limit)
    if not visit.access.reads and not await _board(visit).has_of(visit.access.user_id):
        raise visit.refusal(_NOT_THERE)
    return Listed(tuple(map(_facts, found.rows)), _place(found.rows[-1]) if found.has_older else "")


@resource(f"{REPOSITORY}/pulls/{{number}}", "One pull request", sees=Sees.JUDGED)
async def pull(visit: Visit) -> PullFacts:
    """Return it; whether it is there is not told to those whom it is not for."""
    number = visit.number("number", MOST_PULLS)
    row = await _board(visit).one(number) if number <= MOST_NUMBER else None
    if not visit.access.reads_pull(row.author_id if row else 0):
        raise visit.refusal(_NOT_THERE)
    if row is None:
        raise NotThereError(_NOT_THERE)
    return _facts(row)


def _board(visit: Visit) -> BoardPulls:
    return BoardPulls(visit.house.reads, visit.repository_id, visit.access.policy.merging)


def _place(row: PullRow) -> str:
    return places.written(_LIST, (row.updated_at - _BEGINNING) // _MICROSECOND, row.number)


def _facts(row: PullRow) -> PullFacts:
    standing = standing_of(row)
    return PullFacts(
        number=row.number,
        title=row.title,
        author=row.author,
        is_open=row.is_open,
        is_merged=row.closed_as == MERGED,
        state=row.state,
        outcome=row.outcome,
        sentence=standing.sentence,
        next=_NAMES.get(row.who, ""),
        since=standing.since,
        things_to_fix=standing.things_to_fix,
        kinds=standing.kinds,
        holds=standing.holds,
        paths=row.paths,
        head_sha=row.head_sha,
        updated_at=row.updated_at,
    )
