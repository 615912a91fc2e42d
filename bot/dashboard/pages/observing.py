"""What the bot would say where it is silent: on each open pull request, and which other bots are at work."""

from __future__ import annotations

from bot.dashboard.observing_view import observed
from bot.dashboard.registry import REPOSITORY, Sees, page
from bot.dashboard.visit import Shown, Visit

_MOST = 25  # on one page


@page(f"{REPOSITORY}/observing", "What the bot would say", sees=Sees.TRIAGERS)
async def observing(visit: Visit) -> Shown:
    """Show it, the newest pull request first."""
    seen = await observed(visit, visit.place("before"), _MOST)
    facts = {
        "standing": seen.standing,
        "count": seen.count,
        "pulls": seen.pulls,
        "older": visit.path(f"/observing?before={seen.following}") if seen.following else "",
        "others": seen.others,
        "full_name": visit.origin.full_name,
    }
    return Shown("observing.html", facts)
