"""What the bot would say where it is silent: gathered for the page, and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.dashboard.visit import Visit
from bot.other_bots import OtherBot
from bot.store.adoption import AdoptionStore, ObservedPull, Standing
from bot.store.board_jobs import BoardJobs, PullOfJob
from bot.would_say import WouldSay, read_would_say


@dataclass(frozen=True, slots=True)
class SilentPull:
    """One that hears nothing, with what it would hear."""

    number: int
    title: str
    path: str
    head_sha: str
    seen_at: datetime | None
    said: WouldSay


@dataclass(frozen=True, slots=True)
class Observed:
    """How a repository stands, and some of its silent pull requests, the newest first.

    `others` are other bots that do a part of our work there, None where GitHub does not tell; `following` is the
    number to go on from, 0 at the end.
    """

    standing: Standing
    count: int
    pulls: tuple[SilentPull, ...]
    following: int
    others: tuple[OtherBot, ...] | None


async def observed(visit: Visit, before: int, most: int) -> Observed:
    """Return at most so many pull requests below a number, 0 for the newest."""
    engine, repository_id = visit.house.engine, visit.repository_id
    store = AdoptionStore(engine)
    known = [pull for pull in await store.silent_ones(repository_id) if pull.would_say]
    rest = [pull for pull in known if not before or pull.number < before]
    shown = rest[:most]
    titles = await BoardJobs(engine).titles(repository_id, {pull.number for pull in shown})
    return Observed(
        standing=await store.standing(repository_id),
        count=len(known),
        pulls=tuple(_shown(pull, visit, titles.get(pull.number)) for pull in shown),
        following=shown[-1].number if len(rest) > len(shown) else 0,
        others=await visit.house.other_bots.of(visit.origin),
    )


def _shown(pull: ObservedPull, visit: Visit, known: PullOfJob | None) -> SilentPull:
    return SilentPull(
        number=pull.number,
        title=(known.title if known else "") or f"Pull request {pull.number}",
        path=visit.path(f"/pulls/{pull.number}"),
        head_sha=pull.head_sha,
        seen_at=pull.seen_at,
        said=read_would_say(pull.would_say),
    )
