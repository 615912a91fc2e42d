"""Whether the App may do what the bot does, and hears of what it has to hear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.doctor.findings import Line, attention, broken, fine
from bot.doctor.patient import Patient
from bot.doctor.registry import probe
from bot.github.errors import GitHubError
from bot.github.needs import NAMES, ORGANISATION, lacking, lacking_events

_MOST_INSTALLATIONS = 10
_NEEDS = ("app_id", "private_key")


@probe("permissions", "Permissions and events", order=30, needs=_NEEDS, remedy="See GitHub above.")
async def permissions(patient: Patient) -> Sequence[Line]:
    """What the App asks for, and what each installation has granted: after a change somebody has to accept it."""
    client = patient.github.itself()
    try:
        app = await client.read("/app")
        installations = await client.read_all("/app/installations?per_page=100")
    except GitHubError as error:
        return [broken(f"GitHub did not tell what we may do ({error}).", "See GitHub above.")]
    page = _settings_page(patient, app)
    found = _of_app(app, page)
    for installation in installations[:_MOST_INSTALLATIONS]:
        found += _of_installation(installation)
    if not installations:
        found.append(
            broken("The App is installed nowhere.", f"Install it: {app.get('html_url', '')}/installations/new")
        )
    return found or [fine("The App may do all that it needs, and hears of all events.")]


def _of_app(app: Mapping[str, Any], page: str) -> list[Line]:
    found = []
    if missing := lacking(app.get("permissions") or {}):
        found.append(
            broken(
                f"The App does not ask for: {_told(missing)}.",
                f"{page}/permissions: {_where(missing)}. Save, then accept it for each installation.",
            )
        )
    if events := lacking_events(app.get("events") or ()):
        names = ", ".join(event.replace("_", " ").capitalize() for event in events)
        found.append(
            broken(f"The App does not hear of: {names}.", f"{page}/permissions, “Subscribe to events”: tick them.")
        )
    return found


def _of_installation(installation: Mapping[str, Any]) -> list[Line]:
    whose = str((installation.get("account") or {}).get("login", "somebody"))
    page = str(installation.get("html_url", ""))
    if installation.get("suspended_at"):
        return [broken(f"The installation of {whose} is suspended.", f"{page}: “Unsuspend”.")]
    if missing := lacking(installation.get("permissions") or {}):
        return [broken(f"{whose} has not granted: {_told(missing)}.", f"{page}: review and accept the request.")]
    if lacking_events(installation.get("events") or ()):
        return [attention(f"{whose} has not accepted all events.", f"{page}: review and accept the request.")]
    return []


def _told(missing: Mapping[str, str]) -> str:
    return ", ".join(f"{NAMES[name]} ({level})" for name, level in missing.items())


def _where(missing: Mapping[str, str]) -> str:
    of_whom = {"Organization permissions" if name in ORGANISATION else "Repository permissions" for name in missing}
    return " and ".join(sorted(of_whom))


def _settings_page(patient: Patient, app: Mapping[str, Any]) -> str:
    owner, web = app.get("owner") or {}, patient.settings.github_web_url.rstrip("/")
    of_whom = f"/organizations/{owner.get('login')}" if owner.get("type") == "Organization" else ""
    return f"{web}{of_whom}/settings/apps/{app.get('slug', '')}"
