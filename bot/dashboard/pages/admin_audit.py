"""For maintainers: everything that was done in the repository, by people and by the bot."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from bot.commands.registry import all_commands
from bot.dashboard.admin_frame import ADMIN, shown_in_admin
from bot.dashboard.registry import Sees, page
from bot.dashboard.visit import Shown, Visit
from bot.store.board_audit import Act, ActFilter, BoardAudit

_PAGE = 50


@dataclass(frozen=True, slots=True)
class AuditShown:
    """The page. `number` is what was typed; what is no number of a pull request finds nothing."""

    acts: tuple[Act, ...]
    actor: str
    act: str
    number: str
    older: str  # path; empty: there are none
    is_narrowed: bool


@page(ADMIN + "/audit", "Audit", sees=Sees.MAINTAINERS)
async def audit(visit: Visit) -> Shown:
    """Show what was done, the newest first."""
    asked = {"actor": visit.text("actor", 64), "act": visit.text("act", 64), "number": visit.text("number", 10)}
    number = asked["number"].removeprefix("#")
    is_number = not number or (number.isascii() and number.isdigit() and len(number) < 10)
    found: list[Act] = []
    if is_number:
        wanted = ActFilter(asked["actor"], asked["act"], int(number or 0))
        found = await BoardAudit(visit.house.reads, visit.repository_id).newest(
            wanted, visit.place("before"), _PAGE + 1
        )
    further = asked | {"before": str(found[_PAGE - 1].id)} if len(found) > _PAGE else {}
    older = urlencode({name: value for name, value in further.items() if value})
    facts = AuditShown(
        acts=tuple(found[:_PAGE]),
        older=f"{visit.path('/admin/audit')}?{older}" if older else "",
        is_narrowed=any(asked.values()) or bool(visit.place("before")),
        **asked,
    )
    commands = sorted(f"/{name}" for name in all_commands())
    return shown_in_admin(visit, "/audit", "admin_audit.html", {"audit": facts, "commands": commands})
