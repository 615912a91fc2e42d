"""What is to be set up, as its operator says it; and the manifest by which GitHub makes the App. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bot.github.needs import EVENTS, needed_permissions

GITHUB_COM = "https://github.com"

_ORGANISATION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,33}")  # GitHub takes 34 characters
_ADDRESS = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")
NOBODY_HOME = (
    "https://example.com/webhooks"  # of a webhook that is switched off: GitHub wants an address all the same
)


class PlanError(Exception):
    """What was said cannot be; the text says why, and what would do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the App is to be, what it is to be called, and where people and GitHub reach the bot, if anywhere."""

    name: str = "Taxonomy bot"
    organisation: str = ""  # empty: the App belongs to the person
    public_url: str = ""  # empty: GitHub cannot reach us, and sends nothing
    web_url: str = GITHUB_COM
    api_url: str = ""  # empty: as the web address says

    @property
    def api(self) -> str:
        """GitHub's API."""
        if self.api_url:
            return self.api_url
        return "https://api.github.com" if self.web_url == GITHUB_COM else f"{self.web_url}/api/v3"

    @property
    def form_address(self) -> str:
        """Where the manifest is posted."""
        of_whom = f"/organizations/{self.organisation}" if self.organisation else ""
        return f"{self.web_url}{of_whom}/settings/apps/new"


def checked_plan(plan: Plan) -> Plan:
    """Return the plan, tidied up. Raises PlanError."""
    name, organisation, public_url = (
        plan.name.strip(),
        plan.organisation.strip(),
        plan.public_url.strip().rstrip("/"),
    )
    if not _NAME.fullmatch(name):
        raise PlanError(
            "The name has 1 to 34 letters, digits, blanks, dots and hyphens, and begins with a letter or digit."
        )
    if organisation and not _ORGANISATION.fullmatch(organisation):
        raise PlanError(
            "That is no name of an organisation on GitHub: letters, digits and single hyphens, as in its address."
        )
    if public_url and not _ADDRESS.fullmatch(public_url):
        raise PlanError("The public address looks like https://bot.example.org, without user, ? or #.")
    host = urlsplit(public_url).hostname or ""
    if public_url and (host == "localhost" or host.startswith("127.") or host in {"::1", "0.0.0.0"}):  # noqa: S104
        raise PlanError(
            "GitHub cannot reach that address: it is of this machine only. Leave it empty if there is none."
        )
    for address in (plan.web_url, plan.api):
        if not _ADDRESS.fullmatch(address):
            raise PlanError(f"{address!r} is no address of a GitHub: it looks like https://github.example.org.")
    return Plan(name, organisation, public_url, plan.web_url.rstrip("/"), plan.api_url.rstrip("/"))


def manifest(plan: Plan, redirect_url: str) -> dict[str, Any]:
    """Return what GitHub is asked to make: a private App with what our code uses, and nothing more.

    *Source*: GitHub, "Registering a GitHub App from a manifest".
    """
    asked: dict[str, Any] = {
        "name": plan.name,
        "url": plan.public_url or plan.web_url,
        "description": "Answers pull requests on a taxonomy: what is wrong, where, how to fix it, who acts next.",
        "public": False,
        "redirect_url": redirect_url,
        "default_permissions": needed_permissions(),
        "default_events": sorted(EVENTS),
        "hook_attributes": {"url": f"{plan.public_url}/webhooks", "active": True}
        if plan.public_url
        else {"url": NOBODY_HOME, "active": False},
    }
    if plan.public_url:
        asked["callback_urls"] = [f"{plan.public_url}/sign-in/done"]
    return asked
