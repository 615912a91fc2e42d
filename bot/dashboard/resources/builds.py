"""The nightly builds: what each took in, how it went, and its steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from bot.dashboard import places
from bot.dashboard.registry import Sees
from bot.dashboard.resource_registry import REPOSITORY, CursorWord, Limit, Listed, resource
from bot.dashboard.visit import NotThereError, Visit
from bot.store.board_builds import BoardBuilds, ListedBuild, ListedStep
from bot.store.builds import BuildStore

_LIST = "builds"
_MOST_STEPS = 300
_LAST_DAY = date.max.toordinal()
_NOT_THERE = "There is no such build in this repository."


@dataclass(frozen=True, slots=True)
class BuildQuery:
    """Which builds are asked for."""

    limit: Limit = 25
    cursor: CursorWord = ""


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """A build with the commit of the taxonomy that it was made from, and its steps without uneventful ones."""

    build: ListedBuild
    commit: str
    steps: tuple[ListedStep, ...]


@resource(f"{REPOSITORY}/builds", "Nightly builds, the newest first", sees=Sees.READERS)
async def builds(visit: Visit, query: BuildQuery) -> Listed[ListedBuild]:
    """Return some of them."""
    (day,) = places.read(_LIST, query.cursor)
    before = date.fromordinal(min(day, _LAST_DAY)) if day else None
    found = await BoardBuilds(visit.house.reads).page(visit.repository_id, before, query.limit + 1)
    rows = tuple(found[: query.limit])
    following = places.written(_LIST, rows[-1].night.toordinal()) if len(found) > query.limit else ""
    return Listed(rows, following)


@resource(f"{REPOSITORY}/builds/{{build}}", "One nightly build", sees=Sees.READERS)
async def build(visit: Visit) -> BuildFacts:
    """Return it with its steps."""
    stored = await BuildStore(visit.house.reads).get(visit.number("build"))
    if stored is None or stored.repository_id != visit.repository_id:
        raise NotThereError(_NOT_THERE)
    board = BoardBuilds(visit.house.reads)
    rows = await board.page(visit.repository_id, stored.night + timedelta(days=1), 1)
    if not rows:
        raise NotThereError(_NOT_THERE)
    steps = await board.steps(stored.id, stored.attempt, _MOST_STEPS)
    return BuildFacts(rows[0], stored.commit, tuple(steps))
