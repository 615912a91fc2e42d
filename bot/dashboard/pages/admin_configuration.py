"""For maintainers: the policy and the operator's settings in force, and where each value is from."""

from __future__ import annotations

from bot.dashboard.admin_frame import ADMIN, shown_in_admin
from bot.dashboard.config_facts import configuration_facts
from bot.dashboard.registry import Sees, page
from bot.dashboard.visit import Shown, Visit


@page(ADMIN + "/configuration", "Configuration", sees=Sees.MAINTAINERS)
async def configuration(visit: Visit) -> Shown:
    """Show what is configured."""
    standing = await visit.doors.policy_standing(visit.origin)
    facts = configuration_facts(standing, visit.house.settings)
    shown = {"configuration": facts, "observing": visit.path("/observing")}
    return shown_in_admin(visit, "/configuration", "admin_configuration.html", shown)
