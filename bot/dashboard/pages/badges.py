"""Badges of repositories whose pages are public; of others, and of what is not there, a neutral one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from aiohttp import web

from bot.dashboard.badges import MEDIA_TYPE, Colour, badge
from bot.dashboard.build_standing import standing_of
from bot.dashboard.registry import Sees, page
from bot.dashboard.visit import Visit
from bot.events import Origin
from bot.labels import Label
from bot.nightly.builds import Build, BuildState
from bot.nightly.measures import value
from bot.nightly.releases import served_of
from bot.nightly.report_scores import now_of
from bot.store.builds import BuildStore
from bot.store.pull_requests import PullMemory, PullRequestStore
from bot.store.releases import ReleaseStore
from bot.workflow import State

_NUMBER = re.compile(r"[1-9][0-9]{0,9}")
_LABEL = "taxonomy"
_PRIVATE = ("private", Colour.NEUTRAL)
_LOOKED_AT = 5  # builds: of these the newest that is over is told
_HEADERS = {
    "Cache-Control": "public, max-age=60",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Vary": "Accept-Encoding",
}
_STATES: Mapping[State, tuple[str, Colour]] = MappingProxyType(
    {
        State.NEW: ("not judged yet", Colour.NEUTRAL),
        State.NOT_READY: ("needs changes", Colour.WAIT),
        State.NEEDED: ("waits for triage", Colour.NEUTRAL),
        State.CHANGES_REQUESTED: ("needs changes", Colour.WAIT),
        State.FOLLOW_UP: ("waits for triage", Colour.NEUTRAL),
        State.UNCERTAIN: ("is talked over", Colour.WAIT),
        State.APPROVED: ("approved", Colour.GOOD),
        State.REJECTED: ("not accepted", Colour.BAD),
    }
)
_COLOURS = {"good": Colour.GOOD, "bad": Colour.BAD, "wait": Colour.WAIT}


@page("/badge/{owner}/{repo}/pull/{number}.svg", "Badge", sees=Sees.ANYBODY)
async def badge_of_pull(visit: Visit) -> web.StreamResponse:
    """Draw how a pull request stands."""
    origin, given = await _public(visit), visit.request.match_info["number"]
    memory = None
    if origin is not None and _NUMBER.fullmatch(given):
        memory = await PullRequestStore(visit.house.reads).get(origin.repository_id, int(given))
    if memory is None:
        return _answer(visit, _LABEL, *_PRIVATE)
    return _answer(visit, f"{_LABEL} #{memory.number}", *await _said_of(visit, memory))


@page("/badge/{owner}/{repo}/build.svg", "Badge", sees=Sees.ANYBODY)
async def badge_of_build(visit: Visit) -> web.StreamResponse:
    """Draw how the newest build that is over came out, and the score of the one that is served."""
    origin = await _public(visit)
    if origin is None:
        return _answer(visit, _LABEL, *_PRIVATE)
    newest = await BuildStore(visit.house.reads).newest(origin.repository_id, _LOOKED_AT)
    over = [build for build in newest if not build.state.is_open and build.state is not BuildState.PASSED_OVER]
    if not over:
        return _answer(visit, "nightly build", "none yet", Colour.NEUTRAL)
    releases = await ReleaseStore(visit.house.reads).all_of(origin.repository_id)
    named, served = {each.name: each for each in releases}, served_of(releases)
    mine = named.get(over[0].name)
    standing = standing_of(over[0].state, mine.state if mine else None)
    score = await _score(visit, origin, served.build_id, served.name) if served else ""
    told = f"{over[0].night.isoformat()} {standing.words}"
    return _answer(
        visit, "nightly build", f"{told}; {score}" if score else told, _COLOURS.get(standing.kind, Colour.NEUTRAL)
    )


async def _public(visit: Visit) -> Origin | None:
    """Return the repository of the address, if its pages are for everybody."""
    named = visit.request.match_info
    origin = await visit.doors.find(f"{named['owner']}/{named['repo']}")
    if origin is None:
        return None
    access = await visit.doors.open(origin, None)
    return origin if access.is_public else None


async def _said_of(visit: Visit, memory: PullMemory) -> tuple[str, Colour]:
    if not memory.is_open:
        builds = await BuildStore(visit.house.reads).with_pull(memory.repository_id, memory.number)
        first = next((build for build in reversed(builds) if build.state is BuildState.GOOD), None)
        return (
            (f"in build {first.night.isoformat()}", Colour.GOOD)
            if first
            else (memory.closed_as or "closed", Colour.NEUTRAL)
        )
    status = memory.status
    if status.flags & {Label.HOLD, Label.LEGAL_HOLD}:
        return "on hold", Colour.WAIT
    if Label.READY_TO_MERGE in status.flags:
        return "ready to merge", Colour.GOOD
    return _STATES[status.state]


async def _score(visit: Visit, origin: Origin, build_id: int, name: str) -> str:
    """Return the first score of the build that is served, in words; empty where it is not known any more."""
    build: Build | None = await BuildStore(visit.house.reads).get(build_id)
    if build is None or build.name != name:  # planned anew since
        return ""
    rows = now_of(await visit.house.builds.view(build, origin.full_name)).values()
    row = next(iter(rows), None)
    return f"served {row.name} {value(row.tuned, row.scale)}" if row else ""


def _answer(visit: Visit, label: str, message: str, colour: Colour) -> web.StreamResponse:
    svg = badge(label, message, colour)
    headers = _HEADERS | {"ETag": f'"{hashlib.sha256(svg.encode()).hexdigest()[:32]}"'}
    if visit.request.headers.get("If-None-Match") in (headers["ETag"], f"W/{headers['ETag']}"):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    return web.Response(text=svg, content_type=MEDIA_TYPE, headers=headers)
