"""Signing in with GitHub: the web flow of the App, tied to the browser that began it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import structlog
from aiohttp import web

from bot.dashboard.house import House
from bot.dashboard.visit import BadRequestError, NotThereError
from checks.contribution import Login

log = structlog.get_logger()

_COOKIE = "signing-in"
_WITHIN_S = 600
_MOST_BYTES = 64 * 1024
_NOT_SET_UP = (
    "Nobody can sign in here yet. The people who run the bot set TAXONOMY_BOT_OAUTH_CLIENT_ID and "
    "TAXONOMY_BOT_OAUTH_CLIENT_SECRET, which the App's settings page on GitHub shows."
)
_NOT_BEGUN_HERE = (
    "This sign-in was not begun in this browser, or more than ten minutes ago. Go back to the page you wanted and "
    "choose \u201cSign in\u201d there."
)
_REFUSED = "GitHub did not sign you in: you declined, or took too long. Nothing has changed; you can try again."
_AWAY = "GitHub did not answer while it was asked who you are. Try again in a minute."


@dataclass(frozen=True, slots=True)
class Person:
    """Who has signed in."""

    login: Login
    id: int


class SignIn:
    """Sends people to GitHub, and finds out who came back."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._settings = house.settings
        secret = house.settings.oauth_client_secret.get_secret_value()
        self._key = hashlib.sha256(b"taxonomy-bot sign-in\0" + secret.encode()).digest()

    def begin(self, request: web.Request, now: datetime) -> web.StreamResponse:
        """Return the way to GitHub. The browser keeps what only it may come back with. Raises NotThereError."""
        if not self._settings.has_sign_in:
            raise NotThereError(_NOT_SET_UP)
        state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "client_id": self._settings.oauth_client_id,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        if self._settings.public_url:
            asked["redirect_uri"] = self._back
        address = f"{self._settings.github_web_url}/login/oauth/authorize?{urlencode(asked)}"
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": address})
        kept = {"s": state, "v": verifier, "b": own_path(request.query.get("back", "")), "t": int(now.timestamp())}
        self._set_cookie(response, self._signed(json.dumps(kept)), _WITHIN_S)
        return response

    async def finish(self, request: web.Request, now: datetime) -> tuple[Person, web.Response]:
        """Return who has come back from GitHub, and the way to where they wanted to go. Raises BadRequestError."""
        if not self._settings.has_sign_in:
            raise NotThereError(_NOT_SET_UP)
        kept = self._kept(request, now)
        if request.query.get("error") or not request.query.get("code"):
            raise BadRequestError(_REFUSED)
        try:
            person = await self._who(request.query["code"], kept["v"])
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
            log.warning("dashboard.sign_in_failed", error=type(error).__name__)
            raise BadRequestError(_AWAY) from None
        location = self._settings.base_path + own_path(kept["b"])
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": location})
        self._set_cookie(response, "", 0)
        return person, response

    async def _who(self, code: str, verifier: str) -> Person:
        """Ask GitHub whose code it is. The token is used for that one question and kept nowhere."""
        asked = {
            "client_id": self._settings.oauth_client_id,
            "client_secret": self._settings.oauth_client_secret.get_secret_value(),
            "code": code,
            "code_verifier": verifier,
        }
        if self._settings.public_url:
            asked["redirect_uri"] = self._back
        json_please = {"Accept": "application/json"}
        url = f"{self._settings.github_web_url}/login/oauth/access_token"
        async with self._house.http.post(url, data=asked, headers=json_please, allow_redirects=False) as answer:
            token = (await _read(answer)).get("access_token")
        if not isinstance(token, str) or not token:
            raise BadRequestError(_REFUSED)
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
        url = f"{self._settings.github_api_url}/user"
        async with self._house.http.get(url, headers=headers, allow_redirects=False) as answer:
            data = await _read(answer)
        return Person(Login(str(data["login"])), int(data["id"]))

    @property
    def _back(self) -> str:
        return f"{self._settings.public_url}/sign-in/done"

    def _kept(self, request: web.Request, now: datetime) -> Any:
        """Return what this browser was given when it began. Raises BadRequestError for anything else."""
        text, _, signature = request.cookies.get(_COOKIE, "").rpartition(".")
        if not hmac.compare_digest(self._signature(text).encode(), signature.encode(errors="replace")):
            raise BadRequestError(_NOT_BEGUN_HERE)
        kept = json.loads(base64.urlsafe_b64decode(text))
        is_fresh = 0 <= now.timestamp() - kept["t"] + 1 <= _WITHIN_S
        if not is_fresh or not hmac.compare_digest(
            kept["s"].encode(), request.query.get("state", "").encode(errors="replace")
        ):
            raise BadRequestError(_NOT_BEGUN_HERE)
        return kept

    def _signed(self, text: str) -> str:
        encoded = base64.urlsafe_b64encode(text.encode()).decode()
        return f"{encoded}.{self._signature(encoded)}"

    def _signature(self, text: str) -> str:
        return hmac.new(self._key, text.encode(errors="replace"), hashlib.sha256).hexdigest()

    def _set_cookie(self, response: web.StreamResponse, value: str, lasts_s: int) -> None:
        response.set_cookie(
            _COOKIE,
            value,
            max_age=lasts_s,
            path="/",
            httponly=True,
            secure=not self._settings.public_url.startswith("http://"),
            samesite="Lax",
        )


async def _read(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    """Return the JSON of an answer of bounded size. Raises ValueError."""
    content = b""
    async for chunk in answer.content.iter_chunked(4096):
        content += chunk
        if len(content) > _MOST_BYTES:
            raise ValueError("GitHub answered at too great a length")
    data = json.loads(content)
    if answer.status != HTTPStatus.OK or not isinstance(data, dict):
        raise ValueError("GitHub answered something else")
    return data


def own_path(wanted: str) -> str:
    """Return the path of a page of ours that somebody wants to go back to; the first page for anything else.

    Only a plain path is taken: one that a browser could take for another host never is.
    """
    parts = urlsplit(wanted) if wanted.isprintable() and len(wanted) <= 2000 else urlsplit("")
    is_plain = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted
    if not is_plain or parts.scheme or parts.netloc or not parts.path:
        return "/"
    return parts.path + (f"?{parts.query}" if parts.query else "")
