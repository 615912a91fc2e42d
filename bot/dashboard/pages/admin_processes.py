"""For maintainers: the processes of the bot, what only one of them does at a time, and the database they share."""

from __future__ import annotations

from bot.dashboard.admin_frame import ADMIN, shown_in_admin
from bot.dashboard.registry import Sees, page
from bot.dashboard.visit import Shown, Visit
from bot.store.board_processes import BoardProcesses


@page(ADMIN + "/processes", "Processes", sees=Sees.MAINTAINERS)
async def processes(visit: Visit) -> Shown:
    """Show who is alive."""
    alive = await BoardProcesses(visit.house.reads).alive()
    return shown_in_admin(visit, "/processes", "admin_processes.html", {"processes": alive})
