"""The commands: what may be written in a comment, and by whom."""

from __future__ import annotations

from bot.commands.registry import all_commands
from bot.dashboard.registry import REPOSITORY, Sees, page
from bot.dashboard.visit import Shown, Visit


@page("/commands", "Commands", sees=Sees.ANYBODY)
async def commands(_visit: Visit) -> Shown:
    """Show every command."""
    return Shown("commands.html", {"commands": list(all_commands().values())})


@page(REPOSITORY + "/commands", "Commands", sees=Sees.READERS, menu=90)
async def commands_here(_visit: Visit) -> Shown:
    """Show every command, beside the other pages of a repository."""
    return Shown("commands.html", {"commands": list(all_commands().values())})
