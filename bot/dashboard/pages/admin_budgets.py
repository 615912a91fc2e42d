"""For maintainers: how much of each budget is used, and what is left of it."""

from __future__ import annotations

from bot.dashboard.admin_frame import ADMIN, shown_in_admin
from bot.dashboard.budget_facts import budgets_of
from bot.dashboard.registry import Sees, page
from bot.dashboard.visit import Shown, Visit


@page(ADMIN + "/budgets", "Budgets", sees=Sees.MAINTAINERS)
async def budgets(visit: Visit) -> Shown:
    """Show the budgets."""
    return shown_in_admin(visit, "/budgets", "admin_budgets.html", {"budgets": await budgets_of(visit)})
