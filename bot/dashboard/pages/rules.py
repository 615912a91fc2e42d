"""The rules: what is checked, why, and how to put it right."""

from __future__ import annotations

from bot.dashboard.registry import Sees, page
from bot.dashboard.visit import Shown, Visit
from checks.registry import all_rules
from checks.report.content import anchor


@page("/rules", "Rules", sees=Sees.ANYBODY, menu=80)
async def rules(_visit: Visit) -> Shown:
    """Show every rule."""
    return Shown("rules.html", {"rules": list(all_rules().values()), "anchor": anchor})
