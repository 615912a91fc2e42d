"""The web flow by which people sign in to an App: a page to choose who one is, a code, a token, and its owner."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from urllib.parse import parse_qs, urlencode, urlsplit

from aiohttp import web

from bot.simulator.accounts import Account
from bot.simulator.payloads import full_account_json
from bot.simulator.state import GitHubState

CLIENT_ID, CLIENT_SECRET = "Iv1.simulated", "5111a7ed0c11e275ec2e70f5111a7ed0c11e275e"
_CODE_LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _Code:
    """A code that was given out, and what has to come with it."""

    account: Account
    redirect_uri: str
    challenge: str
    until: datetime


class SigningIn:
    """Answers what browsers and Apps ask while somebody signs in."""

    def __init__(self, state: GitHubState) -> None:
        self._state = state
        self._codes: dict[str, _Code] = {}
        self._tokens: dict[str, Account] = {}
        self.callback_url = ""  # as set on the App's page; where it is empty, every address is accepted

    def answers(self, path: str) -> bool:
        """Return whether a path belongs to signing in."""
        return path in {"/login/oauth/authorize", "/login/oauth/access_token", "/user"}

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Answer one request."""
        if request.path == "/login/oauth/authorize" and request.method == "GET":
            return self._authorize(request)
        if request.path == "/login/oauth/access_token" and request.method == "POST":
            return self._exchange(parse_qs((await request.read()).decode(errors="replace")))
        if request.path == "/user" and request.method == "GET":
            return self._owner(request.headers.get("Authorization", ""))
        return json_answer({"message": "Not Found"}, 404)

    def _authorize(self, request: web.BaseRequest) -> web.Response:
        """Let whoever sits at the browser say who they are, then send them back with a code."""
        asked = request.query
        back = asked.get("redirect_uri", "") or self.callback_url
        is_known = asked.get("client_id") == CLIENT_ID and asked.get("code_challenge_method", "S256") == "S256"
        if not is_known or not back or (self.callback_url and not back.startswith(self.callback_url)):
            return html_page("<h1>404</h1><p>The client or the address to go back to is not known.</p>", 404)
        account = self._state.accounts.get(asked.get("as", "").lower())
        if account is None:
            return html_page(self._choice(request))
        code = secrets.token_hex(10)
        until = self._state.now() + _CODE_LIFETIME
        self._codes[code] = _Code(account, asked.get("redirect_uri", ""), asked.get("code_challenge", ""), until)
        mark = "&" if urlsplit(back).query else "?"
        location = f"{back}{mark}{urlencode({'code': code, 'state': asked.get('state', '')})}"
        return web.Response(status=302, headers={"Location": location})

    def _choice(self, request: web.BaseRequest) -> str:
        people = sorted(a.login for a in self._state.accounts.values() if a.type == "User")
        asked = dict(request.query)
        links = "".join(
            f'<li><a href="?{escape(urlencode(asked | {"as": login}))}">{escape(login)}</a></li>'
            for login in people
        )
        return f"<h1>A simulated GitHub</h1><p>Who are you?</p><ul>{links}</ul>"

    def _exchange(self, sent: dict[str, list[str]]) -> web.Response:
        """Give the token for a code, once, to whoever holds the secret and what the code was asked with."""
        given = {name: values[0] for name, values in sent.items()}
        if given.get("client_id") != CLIENT_ID or given.get("client_secret") != CLIENT_SECRET:
            return json_answer({"error": "incorrect_client_credentials"})
        code = self._codes.pop(given.get("code", ""), None)
        if code is None or code.until <= self._state.now():
            return json_answer({"error": "bad_verification_code"})
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if code.challenge and not hmac.compare_digest(challenge, code.challenge):
            return json_answer({"error": "bad_verification_code"})
        if code.redirect_uri != given.get("redirect_uri", ""):
            return json_answer({"error": "redirect_uri_mismatch"})
        token = f"ghu_{secrets.token_hex(18)}"
        self._tokens[token] = code.account
        return json_answer({"access_token": token, "token_type": "bearer", "scope": ""})

    def _owner(self, authorization: str) -> web.Response:
        account = self._tokens.get(authorization.partition(" ")[2])
        if account is None:
            return json_answer({"message": "Requires authentication"}, 401)
        return json_answer(full_account_json(self._state, account))


def json_answer(data: object, status: int = 200) -> web.Response:
    """Return an answer in JSON."""
    return web.Response(text=json.dumps(data), status=status, content_type="application/json")


def html_page(body: str, status: int = 200) -> web.Response:
    """Return a page."""
    head = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,"><title>GitHub</title>'
    )
    return web.Response(text=head + body, status=status, content_type="text/html", charset="utf-8")
