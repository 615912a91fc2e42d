"""The history of one pull request: why it is not merged yet, and everything that happened, by commit."""

from __future__ import annotations

from bot.dashboard.pull_decisions import decisions_of
from bot.dashboard.pull_frame import framed, shown_in
from bot.dashboard.pull_history import history_of, moment_of
from bot.dashboard.registry import REPOSITORY, Sees, page
from bot.dashboard.visit import Shown, Visit
from bot.store.board_history import BoardHistory

_MOST_SHOWN = 60
_MOST_READ = 100  # of each kind


@page(REPOSITORY + "/pulls/{number}/history", "History", sees=Sees.JUDGED)
async def history(visit: Visit) -> Shown:
    """Show what happened."""
    frame = await framed(visit)
    before = moment_of(visit.request.query.get("before", ""))
    store = BoardHistory(visit.house.reads)
    rows = await store.of_pull(visit.repository_id, frame.number, before, _MOST_READ)
    facts = {"history": history_of(rows, _MOST_SHOWN, _MOST_READ), "is_first": before is None}
    return shown_in(frame, "/history", "history.html", facts | await decisions_of(visit, frame))
