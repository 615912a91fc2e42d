"""The builds: how scores moved over the nights, what is served, and every build with how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from aiohttp import web

from bot.dashboard.badges import badge_of
from bot.dashboard.build_standing import BuildStanding, standing_of
from bot.dashboard.registry import REPOSITORY, Sees, page
from bot.dashboard.visit import NotThereError, Shown, Visit
from bot.nightly.builds import Build
from bot.nightly.measures import share_interval, value
from bot.nightly.report_scores import now_of
from bot.nightly.trend_chart import MEDIA_TYPE, Trend, trend_chart
from bot.nightly.trend_downloads import trends_of
from bot.store.board_builds import BoardBuilds, ListedBuild
from bot.store.builds import BuildStore
from bot.store.releases import ReleaseStore
from pipeline.evaluation_results import Scale

_AT_ONCE = 30
_IN_TABLE, _COLUMNS = 10, 6
CHART_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}


@dataclass(frozen=True, slots=True)
class BuildLine:
    """A build in the list. `call` and `reason` are what its report began with."""

    id: int
    name: str
    night: str
    standing: BuildStanding
    call: str
    reason: str
    leaves: str
    pulls: int
    left_out: int
    began_at: datetime | None
    ended_at: datetime | None
    planned_at: datetime
    took_s: float | None
    gpu_h: float
    is_pinned: bool


@dataclass(frozen=True, slots=True)
class ServedBuild:
    """The build that is served."""

    name: str
    promoted_at: datetime | None
    promoted_by: str
    size: int


@dataclass(frozen=True, slots=True)
class TrendTable:
    """The chart as words: a row for each build, the newest first, a score for each benchmark (empty: none)."""

    benchmarks: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


@page(REPOSITORY + "/builds", "Builds", sees=Sees.READERS, menu=50)
async def builds(visit: Visit) -> Shown:
    """Show the builds, the newest first."""
    before = _night(visit.request.query.get("before", ""))
    listed = await BoardBuilds(visit.house.reads).page(visit.repository_id, before, _AT_ONCE + 1)
    shown, more = listed[:_AT_ONCE], len(listed) > _AT_ONCE
    served = await ReleaseStore(visit.house.reads).served(visit.repository_id) if before is None else None
    measured = await _measured(visit) if before is None else None
    facts = {
        "builds": [line_of(each) for each in shown],
        "earlier": shown[-1].night.isoformat() if more else "",
        "is_first": before is None,
        "served": ServedBuild(served.name, served.promoted_at, served.promoted_by, served.size) if served else None,
        "trend": _table(*measured) if measured else None,
        "badge": badge_of(visit, "build.svg", "/builds", "The nightly build"),
        "trend_of": measured[0].name if measured else "",
    }
    return Shown("builds.html", facts)


@page(REPOSITORY + "/builds/trend.svg", "Trend", sees=Sees.READERS)
async def trend_of_all(visit: Visit) -> web.StreamResponse:
    """Draw how scores moved up to a build: the newest that passed, unless another is named."""
    named = visit.request.query.get("of", "")
    night = _night(named.partition(".")[0])
    store = BuildStore(visit.house.reads)
    build = await (store.of_night(visit.repository_id, night) if night else store.last_good(visit.repository_id))
    if build is None or (named and build.name != named):
        raise NotThereError("There is no build whose scores could be drawn.")
    view = await visit.house.builds.view(build, visit.origin.full_name)
    return web.Response(text=trend_chart(trends_of(view)), content_type=MEDIA_TYPE, headers=CHART_HEADERS)


def line_of(build: ListedBuild) -> BuildLine:
    """Return a build as the list shows it."""
    call, _, reason = build.said.partition(": ")
    counts = ((build.counts.new, "new"), (build.counts.changed, "changed"), (build.counts.removed, "removed"))
    took_s = (build.ended_at - build.began_at).total_seconds() if build.ended_at and build.began_at else None
    return BuildLine(
        build.id,
        build.name,
        build.night.isoformat(),
        standing_of(build.state, build.release, build.held),
        "" if build.state.is_open else call,
        "" if build.state.is_open else reason or build.because,
        _leaves(counts),
        build.counts.pulls,
        build.counts.left_out,
        build.began_at,
        build.ended_at,
        build.planned_at,
        took_s,
        build.gpu_s / 3600,
        build.pinned,
    )


def _leaves(counts: tuple[tuple[int, str], ...]) -> str:
    told = ", ".join(f"{count:,} {word}" for count, word in counts if count) or "no"
    return f"{told} {'leaf' if sum(count for count, _ in counts) == 1 else 'leaves'}"


async def _measured(visit: Visit) -> tuple[Build, list[Trend], dict[str, Scale]] | None:
    """Return the newest build that passed, and how scores moved up to it."""
    build = await BuildStore(visit.house.reads).last_good(visit.repository_id)
    if build is None:
        return None
    view = await visit.house.builds.view(build, visit.origin.full_name)
    trends = trends_of(view)
    return (build, trends, {name: row.scale for name, row in now_of(view).items()}) if trends else None


def _table(_build: Build, trends: list[Trend], scales: dict[str, Scale]) -> TrendTable:
    shown = trends[:_COLUMNS]
    scores: dict[str, dict[str, str]] = {}
    for trend in shown:
        for point in trend.points:
            told = value(point.score, scales[trend.name])
            if point.low is not None:
                low, high = share_interval(point.score, point.n)
                told += f" ({low:.2f} to {high:.2f})"
            scores.setdefault(point.build, {})[trend.name] = told
    names = sorted(scores, reverse=True)[:_IN_TABLE]
    rows = tuple((name, tuple(scores[name].get(trend.name, "") for trend in shown)) for name in names)
    return TrendTable(tuple(trend.name for trend in shown), rows)


def _night(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == len("2026-01-05") else None
    except ValueError:
        return None
