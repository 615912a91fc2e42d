"""The App's own tokens: a signed JWT for the App, a cached access token per installation."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import SecretStr

from bot.clock import Clock

log = structlog.get_logger()

_BACKDATED = timedelta(seconds=60)  # clocks of two machines are never quite the same
_JWT_LIFE = timedelta(minutes=9)  # GitHub refuses more than 10 minutes
_RENEW_BEFORE = timedelta(minutes=5)
_SKEW_TO_MEND = timedelta(seconds=30)  # less is no reason for a refusal


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An installation's token and the moment it stops working."""

    value: SecretStr
    expires_at: datetime


FetchToken = Callable[[int, str], Awaitable[AccessToken]]


class AppTokens:
    """Makes App JWTs and hands out installation tokens, fetching each once until shortly before its end."""

    def __init__(self, app_id: int, private_key: SecretStr, clock: Clock, fetch: FetchToken) -> None:
        self._app_id = app_id
        self._private_key = private_key
        self._clock = clock
        self._fetch = fetch
        self._skew = timedelta()  # how far GitHub's clock is ahead of ours, once it has refused us
        self._tokens: dict[int, AccessToken] = {}
        self._fetching: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    def app_jwt(self) -> str:
        """Return a fresh JWT of the App, valid for some minutes.

        *Source*: GitHub, "Generating a JSON Web Token (JWT) for a GitHub App".
        """
        issued = self._now() - _BACKDATED
        claims = {
            "iat": int(issued.timestamp()),
            "exp": int((issued + _JWT_LIFE).timestamp()),
            "iss": str(self._app_id),
        }
        key: Any = read_private_key(self._private_key.get_secret_value())
        return jwt.encode(claims, key, algorithm="RS256")

    async def installation(self, installation_id: int) -> str:
        """Return a token of the installation that lives for at least some more minutes."""
        async with self._fetching[installation_id]:
            token = self._tokens.get(installation_id)
            if token is None or token.expires_at - _RENEW_BEFORE <= self._now():
                token = await self._fetch(installation_id, self.app_jwt())
                self._tokens[installation_id] = token
            return token.value.get_secret_value()

    def note_their_time(self, date: str) -> None:
        """Go by GitHub's clock from now on: it refused what we signed, and `date` is the header of its answer."""
        try:
            skew = parsedate_to_datetime(date) - self._clock.now()
        except (TypeError, ValueError):
            return
        if abs(skew - self._skew) > _SKEW_TO_MEND:
            self._skew = skew if abs(skew) > _SKEW_TO_MEND else timedelta()
            log.error(
                "github.clocks_differ", seconds=round(skew.total_seconds()), remedy="set this machine's clock"
            )

    def _now(self) -> datetime:
        return self._clock.now() + self._skew

    def forget(self, installation_id: int) -> None:
        """Drop the cached token: GitHub no longer takes it."""
        self._tokens.pop(installation_id, None)


@lru_cache(maxsize=4)
def read_private_key(pem: str) -> PrivateKeyTypes:
    """Return the key in a PEM text; checking one costs 40 ms, so the last ones are kept.

    Raises ValueError, TypeError or UnsupportedAlgorithm when it is none.
    """
    return load_pem_private_key(pem.encode(), password=None)
