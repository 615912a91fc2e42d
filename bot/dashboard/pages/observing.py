"""What the bot would say where it is silent: on each open pull request, and which other bots are at work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.dashboard.registry import REPOSITORY, Sees, page
from bot.dashboard.visit import Shown, Visit
from bot.store.adoption import AdoptionStore, ObservedPull
from bot.store.board_jobs import BoardJobs, PullOfJob
from bot.would_say import WouldSay, read_would_say

_MOST = 25  # on one page


@dataclass(frozen=True, slots=True)
class SilentPull:
    """One that hears nothing, with what it would hear."""

    number: int
    title: str
    path: str
    head_sha: str
    seen_at: datetime | None
    said: WouldSay


@page(f"{REPOSITORY}/observing", "What the bot would say", sees=Sees.TRIAGERS)
async def observing(visit: Visit) -> Shown:
    """Show it, the newest pull request first."""
    engine, repository_id = visit.house.engine, visit.repository_id
    store = AdoptionStore(engine)
    standing = await store.standing(repository_id)
    known = [pull for pull in await store.silent_ones(repository_id) if pull.would_say]
    before = visit.place("before")
    rest = [pull for pull in known if not before or pull.number < before]
    shown = rest[:_MOST]
    titles = await BoardJobs(engine).titles(repository_id, {pull.number for pull in shown})
    facts = {
        "standing": standing,
        "count": len(known),
        "pulls": tuple(_shown(pull, visit, titles.get(pull.number)) for pull in shown),
        "older": visit.path(f"/observing?before={shown[-1].number}") if len(rest) > len(shown) else "",
        "others": await visit.house.other_bots.of(visit.origin),
        "full_name": visit.origin.full_name,
    }
    return Shown("observing.html", facts)


def _shown(pull: ObservedPull, visit: Visit, known: PullOfJob | None) -> SilentPull:
    return SilentPull(
        number=pull.number,
        title=(known.title if known else "") or f"Pull request {pull.number}",
        path=visit.path(f"/pulls/{pull.number}"),
        head_sha=pull.head_sha,
        seen_at=pull.seen_at,
        said=read_would_say(pull.would_say),
    )
