"""One build: its report, what it did to whom, what was left out, what it has published and how long it took."""

from __future__ import annotations

import re
from datetime import date

from bot.dashboard.build_facts import facts_of
from bot.dashboard.registry import REPOSITORY, Sees, page
from bot.dashboard.visit import NotThereError, Shown, Visit
from bot.nightly.builds import Build
from bot.nightly.report_scores import now_of
from bot.store.board_builds import BoardBuilds
from bot.store.builds import BuildStore
from bot.store.releases import ReleaseStore

_NAMED = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:\.([1-9][0-9]{0,5}))?")
_ID = re.compile(r"[1-9][0-9]{0,17}")
_MOST_STEPS = 100
_UNKNOWN = "There is no such build. The page of all builds lists those there are."


@page(REPOSITORY + "/builds/{night}", "Build", sees=Sees.READERS)
async def build(visit: Visit) -> Shown:
    """Show the build of a night; its attempt may stand behind it, or its number instead of both."""
    house, given = visit.house, visit.request.match_info["night"]
    found, attempt = await _found(visit, given)
    view = await house.builds.view(found, visit.origin.full_name)
    board = BoardBuilds(house.reads)
    steps = await board.steps(found.id, found.attempt, _MOST_STEPS + 1)
    beside = await board.neighbours(visit.repository_id, found.night)
    release = await ReleaseStore(house.reads).of_build(found)
    facts = {
        "build": facts_of(view, with_answers=visit.access.triages),
        "steps": steps[:_MOST_STEPS],
        "has_more_steps": len(steps) > _MOST_STEPS,
        "beside": beside,
        "release": release,
        "contents": await house.builds.contents(release) if release else None,
        "other_attempt": attempt if attempt and attempt != found.attempt else 0,
        "has_chart": bool(now_of(view)) and bool(view.past),
    }
    return Shown("build.html", facts, f"Build of {found.night.isoformat()}")


async def _found(visit: Visit, given: str) -> tuple[Build, int]:
    """Return the build of an address, and the attempt that it names (0: none). Raises NotThereError."""
    store, named = BuildStore(visit.house.reads), _NAMED.fullmatch(given)
    found: Build | None = None
    if named:
        night = _night(named[1])
        found = await store.of_night(visit.repository_id, night) if night else None
    elif _ID.fullmatch(given):
        found = await store.get(int(given))
    if found is None or found.repository_id != visit.repository_id:
        raise NotThereError(_UNKNOWN)
    return found, int(named[2] or 0) if named else 0


def _night(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
