"""The manifest flow by which an App is made: a page that asks, a code that works once, and the installation."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from bot.simulator.payloads import app_json
from bot.simulator.signing_in import CLIENT_ID, CLIENT_SECRET, html_page, json_answer
from bot.simulator.state import GitHubState
from bot.simulator.webhooks import Outbox

_CODE_LIFETIME = timedelta(hours=1)
_NEW = re.compile(r"/(?:organizations/(?P<organisation>[\w-]+)/)?settings/apps/new(?P<made>/made)?")
_CONVERSION = re.compile(r"/app-manifests/(?P<code>[\w-]+)/conversions")
_INSTALL = re.compile(r"/apps/(?P<slug>[\w-]+)/installations/new")
_LEVELS = {"read", "write", "admin"}


@dataclass(frozen=True, slots=True)
class _Made:
    """An App that was made and not yet handed over."""

    manifest: dict[str, Any]
    owner: str
    until: datetime


class Manifests:
    """Answers what browsers ask while somebody makes an App and installs it, and hands its secrets over once."""

    def __init__(self, state: GitHubState, outbox: Outbox, private_key_pem: str) -> None:
        self._state = state
        self._outbox = outbox
        self._private_key_pem = private_key_pem
        self._codes: dict[str, _Made] = {}
        self.asked: list[dict[str, Any]] = []  # the manifests that were posted
        self.makes_secrets = True  # for webhooks
        self.hands_over = True  # else it is as if GitHub were away just then

    def answers(self, path: str) -> bool:
        """Return whether a path belongs to making an App."""
        return any(pattern.fullmatch(path) for pattern in (_NEW, _CONVERSION, _INSTALL))

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Answer one request."""
        method, path = request.method, request.path
        if (found := _NEW.fullmatch(path)) and method == "POST":
            return await self._make(request, found["organisation"] or "", is_made=bool(found["made"]))
        if (found := _CONVERSION.fullmatch(path)) and method == "POST":
            return self._hand_over(found["code"])
        if (found := _INSTALL.fullmatch(path)) and found["slug"] == self._state.app.slug:
            return self._installed(await request.post()) if method == "POST" else html_page(self._choice())
        return html_page("<h1>404</h1>", 404)

    async def _make(self, request: web.BaseRequest, organisation: str, *, is_made: bool) -> web.Response:
        """Show what is to be made, with a button; when that is pressed, make it and send the browser back."""
        sent = await request.post()
        try:
            manifest = json.loads(str(sent.get("manifest", "")))
        except ValueError:
            manifest = None
        if problem := _problem(manifest):
            return html_page(f"<h1>Invalid GitHub App configuration</h1><p>{escape(problem)}</p>", 422)
        state = request.query.get("state", "")
        if not is_made:
            self.asked.append(manifest)
            return html_page(_confirmation(manifest, f"{request.path}/made?{urlencode({'state': state})}"))
        if name := str(sent.get("name", "")).strip():
            manifest["name"] = name
        code = secrets.token_hex(20)
        self._codes[code] = _Made(manifest, organisation or "somebody", self._state.now() + _CODE_LIFETIME)
        back = manifest["redirect_url"]
        mark = "&" if urlsplit(back).query else "?"
        return web.Response(
            status=302, headers={"Location": f"{back}{mark}{urlencode({'code': code, 'state': state})}"}
        )

    def _hand_over(self, code: str) -> web.Response:
        """Give id, key and secrets for a code, once, within an hour."""
        if not self.hands_over:
            return html_page("<h1>Unicorn!</h1>", 502)
        made = self._codes.pop(code, None)
        if made is None or made.until <= self._state.now():
            return json_answer({"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}, 404)
        self._become(made)
        has_hook = "hook_attributes" in made.manifest
        secret_parts = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "webhook_secret": self._outbox.secret if has_hook and self.makes_secrets else None,
            "pem": self._private_key_pem,
        }
        return json_answer(app_json(self._state) | secret_parts, 201)

    def _become(self, made: _Made) -> None:
        """Let the App under test be what was asked for."""
        app, manifest = self._state.app, made.manifest
        app.slug = re.sub(r"[^a-z0-9]+", "-", manifest["name"].lower()).strip("-")
        bot = self._state.rename(app.bot.login, f"{app.slug}[bot]")
        bot.login = f"{app.slug}[bot]"
        app.owner = self._state.account(made.owner)
        app.permissions = dict(manifest.get("default_permissions", {}))
        app.events = tuple(manifest.get("default_events", ()))
        hook = manifest.get("hook_attributes", {})
        self._outbox.webhook_url = hook["url"] if hook.get("active", True) and hook else None

    def _choice(self) -> str:
        box = '<p><label><input type="checkbox" name="repository" value="{}"> {}</label></p>'
        known = self._state.repositories.values()
        rows = "".join(box.format(repo.id, escape(repo.full_name)) for repo in known)
        return f'<h1>Install</h1><form method="post">{rows}<button>Install</button></form>'

    def _installed(self, sent: Any) -> web.Response:
        for number in sent.getall("repository", []):
            repo = self._state.repository_by_id(int(number))
            if repo is not None:
                repo.installation = self._state.installation_for(repo.owner)
        return html_page("<h1>Installed</h1><p>You can close this page.</p>")


def _problem(manifest: Any) -> str:
    """Return why GitHub would not take a manifest, empty where it would."""
    if not isinstance(manifest, dict):
        return "The manifest is no JSON object"
    if not manifest.get("url"):
        return "URL can't be blank"
    hook = manifest.get("hook_attributes")
    if hook is not None and not str(hook.get("url", "")).startswith(("http://", "https://")):
        return "Hook url is not supported"
    if _is_heard_here(hook or {}):
        return "Hook url is not supported because it isn't reachable over the public Internet"
    if not set(dict(manifest.get("default_permissions", {})).values()) <= _LEVELS:
        return "Default permission levels are not valid"
    return "" if manifest.get("redirect_url") else "Redirect url can't be blank"


def _is_heard_here(hook: dict[str, Any]) -> bool:
    is_local = urlsplit(hook.get("url", "")).hostname in {"localhost", "127.0.0.1"}
    return is_local and bool(hook.get("active", True))


def _confirmation(manifest: dict[str, Any], target: str) -> str:
    return (
        "<h1>Create GitHub App</h1>"
        f'<form method="post" action="{escape(target)}">'
        f'<input type="hidden" name="manifest" value="{escape(json.dumps(manifest))}">'
        f'<label>Name <input name="name" value="{escape(str(manifest.get("name", "")))}"></label> '
        "<button>Create GitHub App</button></form>"
    )
