"""What the pages for maintainers have in common: the way between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.dashboard.registry import REPOSITORY
from bot.dashboard.visit import Shown, Visit

ADMIN = REPOSITORY + "/admin"
TABS: Mapping[str, str] = {
    "": "Deliveries",
    "/budgets": "Budgets",
    "/audit": "Audit",
    "/configuration": "Configuration",
    "/processes": "Processes",
}


def shown_in_admin(visit: Visit, tab: str, template: str, facts: Mapping[str, Any]) -> Shown:
    """Return a page for maintainers; `tab` is a key of TABS. Its template extends `admin_frame.html`."""
    root = visit.path("/admin")
    tabs = [{"path": root + rest, "heading": name, "is_here": rest == tab} for rest, name in TABS.items()]
    return Shown(template, {"tabs": tabs, "admin": root, **facts}, f"Admin: {TABS[tab].lower()}")
