"""The nightly builds: what each took in, how it went, and its steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from bot.dashboard import build_facts, places
from bot.dashboard.build_shelf import Contents, PublishedFile
from bot.dashboard.registry import Sees
from bot.dashboard.resource_registry import REPOSITORY, CursorWord, Limit, Listed, resource
from bot.dashboard.visit import NotThereError, Visit
from bot.nightly.builds import Build
from bot.store.board_builds import BoardBuilds, ListedBuild, ListedStep
from bot.store.builds import BuildStore
from bot.store.releases import ReleaseStore

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
class BuildReport:
    """What a build came to, in words, and what it has published. Answers are told to triagers alone."""

    report: build_facts.BuildTold
    release: str
    files: tuple[PublishedFile, ...]
    more_files: int


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
    stored = await _stored(visit)
    board = BoardBuilds(visit.house.reads)
    rows = await board.page(visit.repository_id, stored.night + timedelta(days=1), 1)
    if not rows:
        raise NotThereError(_NOT_THERE)
    steps = await board.steps(stored.id, stored.attempt, _MOST_STEPS)
    return BuildFacts(rows[0], stored.commit, tuple(steps))


@resource(f"{REPOSITORY}/builds/{{build}}/report", "What a nightly build came to", sees=Sees.READERS)
async def report(visit: Visit) -> BuildReport:
    """Return its report, as its page tells it."""
    house, stored = visit.house, await _stored(visit)
    view = await house.builds.view(stored, visit.origin.full_name)
    release = await ReleaseStore(house.reads).of_build(stored)
    contents = await house.builds.contents(release) if release is not None else Contents()
    told = build_facts.facts_of(view, with_answers=visit.access.triages)
    return BuildReport(told, release.state.value if release is not None else "", contents.files, contents.more)


async def _stored(visit: Visit) -> Build:
    """Return the build of the address. Raises NotThereError."""
    stored = await BuildStore(visit.house.reads).get(visit.number("build"))
    if stored is None or stored.repository_id != visit.repository_id:
        raise NotThereError(_NOT_THERE)
    return stored
