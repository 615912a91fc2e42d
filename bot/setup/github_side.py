"""What setting up asks of GitHub: the new App's secrets for a code, and where it is installed."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

import aiohttp
from pydantic import SecretStr

from bot.apply import set_webhook_secret
from bot.clock import Clock
from bot.github.client import REQUESTER, GitHubApp
from bot.github.errors import GitHubError
from bot.github.pacing import WriteLimits
from bot.setup.plan import Plan

_CODE = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
_MOST_BYTES = 256 * 1024
_MOST_INSTALLATIONS = 20
_ONCE_MORE = (
    "Load this page again. If that does not help, delete the App in GitHub's settings, if it is there, and begin "
    "again: a code works once, and for an hour."
)


class SetupError(Exception):
    """GitHub did not do what setting up needs; the text says what, and what to do."""


@dataclass(frozen=True, slots=True)
class NewApp:
    """An App that GitHub has just made. GitHub tells its secrets this one time."""

    id: int
    slug: str
    name: str
    html_url: str
    private_key: SecretStr
    webhook_secret: SecretStr
    client_id: str
    client_secret: SecretStr


@dataclass(frozen=True, slots=True)
class Covered:
    """A repository on which the App is installed."""

    id: int
    full_name: str
    is_private: bool


class GitHubSide:
    """Talks to one GitHub."""

    def __init__(self, session: aiohttp.ClientSession, plan: Plan, clock: Clock) -> None:
        self._session = session
        self._plan = plan
        self._clock = clock

    async def new_app(self, code: str) -> NewApp:
        """Return the App that a code stands for. It works once, within the hour. Raises SetupError.

        *Source*: GitHub, "Create a GitHub App from a manifest".
        """
        if not _CODE.fullmatch(code):
            raise SetupError("GitHub sent no code along. Begin again on the page before.")
        url = f"{self._plan.api}/app-manifests/{code}/conversions"
        headers = {"Accept": "application/vnd.github+json", "User-Agent": REQUESTER}
        try:
            async with self._session.post(url, headers=headers, allow_redirects=False) as answer:
                content = await answer.content.read(_MOST_BYTES)
                if answer.status != HTTPStatus.CREATED:
                    raise SetupError(f"GitHub answered {answer.status} instead of the new App's key. {_ONCE_MORE}")
        except (TimeoutError, aiohttp.ClientError) as error:
            raise SetupError(
                f"{self._plan.api} cannot be reached from here ({type(error).__name__}). Check the network and any "
                f"proxy. {_ONCE_MORE}"
            ) from None
        app = _read_app(content)
        if app.webhook_secret.get_secret_value():
            return app
        return await self._with_a_secret(app)

    async def _with_a_secret(self, app: NewApp) -> NewApp:
        """Give the App's webhook a secret, where GitHub made none."""
        made = SecretStr(secrets.token_hex(32))
        try:
            await set_webhook_secret(self._app(app, only_reads=False).itself(), made)
        except GitHubError as error:
            raise SetupError(
                f"GitHub made no secret for the webhook, and took none from us ({error}). Delete the App in "
                "GitHub's settings and begin again."
            ) from None
        return replace(app, webhook_secret=made)

    async def covered(self, app: NewApp) -> list[Covered]:
        """Return the repositories on which the App is installed, by name. Raises SetupError."""
        github = self._app(app)
        try:
            installations = await github.itself().read_all("/app/installations?per_page=100")
            found: list[Covered] = []
            for installation in installations[:_MOST_INSTALLATIONS]:
                client = github.installation(int(installation["id"]))
                url = "/installation/repositories?per_page=100"
                found += [_covered(item) for item in await client.read_all(url, key="repositories")]
        except GitHubError as error:
            raise SetupError(
                f"GitHub did not say where the App is installed ({error}). It is asked again."
            ) from None
        except (LookupError, TypeError, ValueError):
            raise SetupError("GitHub's list of installations cannot be read. It is asked again.") from None
        return sorted(found, key=lambda each: each.full_name.lower())

    def _app(self, app: NewApp, *, only_reads: bool = True) -> GitHubApp:
        return GitHubApp(
            self._session,
            base_url=self._plan.api,
            graphql_url=f"{self._plan.api}/graphql",
            app_id=app.id,
            private_key=app.private_key,
            clock=self._clock,
            write_limits=WriteLimits(10, 10, 10),
            only_reads=only_reads,
        )


def _covered(item: Any) -> Covered:
    return Covered(int(item["id"]), str(item["full_name"]), bool(item.get("private")))


def _read_app(content: bytes) -> NewApp:
    try:
        data: Any = json.loads(content)
        slug = str(data["slug"])
        if not _SLUG.fullmatch(slug):
            raise ValueError(slug)
        return NewApp(
            id=int(data["id"]),
            slug=slug,
            name=str(data.get("name") or slug),
            html_url=str(data.get("html_url") or ""),
            private_key=SecretStr(str(data["pem"])),
            webhook_secret=SecretStr(str(data.get("webhook_secret") or "")),
            client_id=str(data.get("client_id") or ""),
            client_secret=SecretStr(str(data.get("client_secret") or "")),
        )
    except (LookupError, TypeError, ValueError, RecursionError):
        raise SetupError(
            "GitHub's answer holds no App that we understand. Delete the App in GitHub's settings, and make it by "
            "hand: docs/operating.md lists what it needs."
        ) from None
