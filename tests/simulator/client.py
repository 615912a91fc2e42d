"""A small client of the simulated GitHub, as plain as possible: it signs in and returns what came back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import aiohttp
import jwt

from bot.simulator import Repository, Simulator


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


class AppClient:
    """Calls the API as an App: with its JWT, and with the token of an installation once `sign_in` was called."""

    def __init__(self, sim: Simulator, session: aiohttp.ClientSession) -> None:
        self._sim = sim
        self._session = session
        self.token = ""

    def app_token(self, **claims: Any) -> str:
        """Return the App's JWT, with `claims` in place of the right ones."""
        now = int(self._sim.state.clock.now().timestamp())
        right = {"iss": "1234", "iat": now - 30, "exp": now + 540}
        return jwt.encode(right | claims, self._sim.private_key_pem, algorithm="RS256")

    async def sign_in(self, repo: Repository) -> Answer:
        """Fetch a token for the installation of `repo`."""
        path = f"/app/installations/{repo.installation_id}/access_tokens"
        answer = await self.call("POST", path, token=self.app_token())
        self.token = answer.body["token"]
        return answer

    async def call(
        self, method: str, path: str, sent: Any = None, *, token: str | None = None, headers: Any = None
    ) -> Answer:
        """Send one request."""
        authorization = f"Bearer {self.token if token is None else token}"
        known = {"Authorization": authorization, "Accept": "application/vnd.github+json"} | (headers or {})
        body = None if sent is None else json.dumps(sent)
        if body is not None:
            known["Content-Type"] = "application/json"
        async with self._session.request(method, self._sim.url + path, data=body, headers=known) as response:
            content = await response.read()
            return Answer(response.status, dict(response.headers), json.loads(content) if content else None)

    async def get(self, path: str, **headers: str) -> Answer:
        """Read something."""
        return await self.call("GET", path, headers=headers)

    async def post(self, path: str, sent: Any) -> Answer:
        """Create something."""
        return await self.call("POST", path, sent)
