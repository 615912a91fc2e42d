"""The overview of a repository: what waits, what runs, how the last build went, and whether all is well."""

from __future__ import annotations

from bot.dashboard.registry import REPOSITORY, Sees, page
from bot.dashboard.visit import Shown, Visit


@page(REPOSITORY, "Overview", sees=Sees.READERS, menu=10)
async def overview(_visit: Visit) -> Shown:
    """Show how things stand."""
    return Shown("overview.html")
