"""One pull request: how it stands, what it teaches, where that comes from, what was found, and what is new."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from aiohttp import web

from bot.dashboard.pull_decisions import decisions_of
from bot.dashboard.pull_frame import Frame, framed, shown_in
from bot.dashboard.pull_words import StandingShown, standing_of, turns_of
from bot.dashboard.reading_view import ReadingShown, shown
from bot.dashboard.registry import REPOSITORY, Sees, page
from bot.dashboard.visit import NotThereError, Shown, Visit
from bot.store.board_pulls import BoardPulls, PullRow
from bot.store.readings import LastLook, ReadHead, ReadingStore

_SHA = re.compile(r"[0-9a-f]{7,40}")


@dataclass(frozen=True, slots=True)
class EarlierHead:
    """An earlier commit to compare with."""

    sha: str
    read_at: datetime
    path: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class PullShown:
    """The whole page. `reading` is None where none is kept; `since` is the commit it is compared with."""

    standing: StandingShown
    reading: ReadingShown | None
    read_sha: str
    is_of_head: bool
    since: str
    heads: tuple[EarlierHead, ...]
    looked_at: datetime | None  # when the reader last looked, at another commit that can be compared no more
    next_path: str
    is_next_known: bool


@page(f"{REPOSITORY}/pulls/{{number}}", "Pull request", sees=Sees.JUDGED)
async def reading(visit: Visit) -> Shown | web.StreamResponse:
    """Show the newest reading; who comes back after a push is led to what has changed since."""
    frame = await framed(visit)
    board = BoardPulls(visit.house.reads, visit.repository_id, visit.access.policy.merging)
    store = ReadingStore(visit.house.engine)
    row = await board.one(frame.number)
    if row is None:
        raise NotThereError("It went away this moment.")
    heads = await store.heads(visit.repository_id, frame.number)
    head = next((one.sha for one in heads if one.sha == row.head_sha), heads[0].sha if heads else "")
    now = await store.get(visit.repository_id, frame.number, head) if head else None
    asked = visit.text("since", 40)
    since = next((one.sha for one in heads if _SHA.fullmatch(asked) and one.sha.startswith(asked)), "")
    last = await _looked(visit, store, frame, head) if now is not None else None
    if last is not None and last.head_sha != head and not asked and any(one.sha == last.head_sha for one in heads):
        return _led_to(f"{frame.root}?since={last.head_sha}")
    before = await store.get(visit.repository_id, frame.number, since) if since and since != head else None
    sees_guesses = visit.access.reads_guesses(row.author_id)
    facts = PullShown(
        standing=standing_of(row),
        reading=shown(now, before, is_for_triagers=sees_guesses) if now is not None else None,
        read_sha=head,
        is_of_head=head == row.head_sha,
        since=since if before is not None else "",
        heads=_earlier(heads, head, since, frame),
        looked_at=_lost_look(last, head, heads),
        next_path=await _next_path(visit, board, row),
        is_next_known=visit.session is not None,
    )
    shown_here = {"page": facts, "leaf_url": _leaf_url(frame, visit, head)}
    return shown_in(frame, "", "reading.html", shown_here | await decisions_of(visit, frame))


async def _looked(visit: Visit, store: ReadingStore, frame: Frame, head: str) -> LastLook | None:
    """Return at what the reader last looked, and remember what they look at now."""
    user_id = visit.access.user_id
    if not user_id:
        return None
    last = await store.last_look(user_id, visit.repository_id, frame.number)
    if last is None or last.head_sha != head or last.looked_at != visit.now:
        await store.note_look(user_id, visit.repository_id, frame.number, LastLook(head, visit.now))
    return last


def _lost_look(last: LastLook | None, head: str, heads: Sequence[ReadHead]) -> datetime | None:
    if last is None or last.head_sha == head or any(one.sha == last.head_sha for one in heads):
        return None
    return last.looked_at


def _led_to(path: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": path})


def _earlier(heads: Sequence[ReadHead], head: str, since: str, frame: Frame) -> tuple[EarlierHead, ...]:
    return tuple(
        EarlierHead(one.sha, one.read_at, f"{frame.root}?since={one.sha}", one.sha == since)
        for one in heads
        if one.sha != head
    )


async def _next_path(visit: Visit, board: BoardPulls, row: PullRow) -> str:
    turns = turns_of(visit.access.role, visit.access.user_id)
    number = await board.next_turn(turns, row) if turns is not None and visit.access.reads else None
    return visit.path(f"/pulls/{number}") if number is not None else ""


def _leaf_url(frame: Frame, visit: Visit, head: str) -> str:
    """Return where the files of the commit lie on GitHub; a path goes behind it."""
    return f"{visit.house.settings.github_web_url}/{visit.origin.full_name}/blob/{head}/" if head else frame.github
