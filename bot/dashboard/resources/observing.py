"""What the bot would say where it is silent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.dashboard import places
from bot.dashboard.observing_view import SilentPull, observed
from bot.dashboard.registry import Sees
from bot.dashboard.resource_registry import REPOSITORY, CursorWord, Limit, resource
from bot.dashboard.visit import Visit
from bot.other_bots import OtherBot

_LIST = "observing"


@dataclass(frozen=True, slots=True)
class ObservingQuery:
    """Which of them."""

    limit: Limit = 25
    cursor: CursorWord = ""


@dataclass(frozen=True, slots=True)
class ObservingFacts:
    """Whether a repository is adopted, since when, and what its silent pull requests would hear.

    `other_bots` do a part of the same work; null where GitHub does not tell. `next` is the cursor of older ones.
    """

    is_adopted: bool
    chosen_at: datetime | None
    count: int
    items: tuple[SilentPull, ...]
    other_bots: tuple[OtherBot, ...] | None
    next: str = ""


@resource(f"{REPOSITORY}/observing", "What the bot would say where it is silent", sees=Sees.TRIAGERS)
async def observing(visit: Visit, query: ObservingQuery) -> ObservingFacts:
    """Return it, the newest pull request first."""
    (before,) = places.read(_LIST, query.cursor)
    seen = await observed(visit, before, query.limit)
    following = places.written(_LIST, seen.following) if seen.following else ""
    return ObservingFacts(
        seen.standing.is_adopted, seen.standing.chosen_at, seen.count, seen.pulls, seen.others, following
    )
