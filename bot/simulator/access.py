"""Who may call: the App's signed tokens, installation tokens, and the limits on how often."""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.simulator.accounts import Installation
from bot.simulator.state import GitHubState

TOKEN_LIFETIME = timedelta(hours=1)
JWT_LIFETIME_S = 600
CLOCK_SKEW_S = 60
CORE, GRAPHQL = "core", "graphql"  # what is counted apart


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a request comes from: the App itself, or one of its installations."""

    installation: Installation | None = None

    @property
    def name(self) -> str:
        """What the record of requests says of it."""
        return f"installation {self.installation.id}" if self.installation else "app"


@dataclass(slots=True)
class Limits:
    """How much GitHub allows; None switches a limit off."""

    requests_per_hour: int | None = 5_000
    writes_per_minute: int | None = 80
    writes_per_hour: int | None = 500
    points_per_hour: int | None = 5_000  # of GraphQL, which is counted apart; each request here is one


@dataclass(slots=True)
class Usage:
    """What one caller has used of a primary limit in the current hour."""

    resets_at: datetime
    used: int = 0


class Gate:
    """Knows tokens and counts requests."""

    def __init__(self, state: GitHubState, limits: Limits, public_key_pem: str) -> None:
        self.limits = limits
        self._state = state
        self._public_key = public_key_pem
        self._tokens: dict[str, tuple[Installation, datetime]] = {}
        self._usage: dict[tuple[str, str], Usage] = {}
        self._writes: deque[datetime] = deque()

    def issue_token(self, installation: Installation) -> tuple[str, datetime]:
        """Return a new installation token and when it ends."""
        token = f"ghs_{secrets.token_hex(18)}"
        expires_at = self._state.now() + TOKEN_LIFETIME
        self._tokens[token] = (installation, expires_at)
        return token, expires_at

    def revoke_all_tokens(self) -> None:
        """Make every token invalid at once."""
        self._tokens.clear()

    def installation_of(self, token: str) -> Installation | None:
        """Return whose token it is, None for an unknown or expired one."""
        installation, expires_at = self._tokens.get(token, (None, None))
        if installation is None or expires_at is None or expires_at <= self._state.clock.now():
            return None
        if installation.id not in self._state.installations:
            return None
        return installation

    def refusal_of_jwt(self, token: str) -> str | None:
        """Return why the App's token is not accepted, None when it is."""
        try:
            claims = jwt.decode(
                token,
                self._public_key,
                algorithms=["RS256"],
                options={"verify_exp": False, "verify_iat": False, "verify_iss": False},
            )
        except jwt.InvalidTokenError:
            return "A JSON web token could not be decoded"
        if str(claims.get("iss")) != str(self._state.app.id):
            return "'Issuer' claim ('iss') must be an Integer"
        return self._refusal_of_times(claims.get("iat"), claims.get("exp"))

    def usage(self, caller: str, resource: str) -> Usage:
        """Return what `caller` has used of a resource, "core" or "graphql", in this hour."""
        now = self._state.clock.now()
        usage = self._usage.get((caller, resource))
        if usage is None or usage.resets_at <= now:
            usage = self._usage[caller, resource] = Usage(now + timedelta(hours=1))
        return usage

    def most(self, resource: str) -> int | None:
        """Return how much of a resource each caller has in an hour."""
        return self.limits.points_per_hour if resource == GRAPHQL else self.limits.requests_per_hour

    def seconds_until_write(self) -> float:
        """Return how long the next write has to wait, zero when it may go."""
        now = self._state.clock.now()
        while self._writes and now - self._writes[0] >= timedelta(hours=1):
            self._writes.popleft()
        return max(
            self._wait(self.limits.writes_per_minute, timedelta(minutes=1), now),
            self._wait(self.limits.writes_per_hour, timedelta(hours=1), now),
        )

    def count_write(self) -> None:
        """Note that a write was let through."""
        self._writes.append(self._state.clock.now())

    def _wait(self, limit: int | None, span: timedelta, now: datetime) -> float:
        if limit is None or len(self._writes) < limit:
            return 0.0
        return (self._writes[-limit] + span - now).total_seconds() if limit else span.total_seconds()

    def _refusal_of_times(self, issued_at: object, expires_at: object) -> str | None:
        now = self._state.clock.now().timestamp()
        if not isinstance(expires_at, int | float) or expires_at <= now:
            return "'Expiration time' claim ('exp') must be a numeric value representing the future time"
        if expires_at > now + JWT_LIFETIME_S:
            return "'Expiration time' claim ('exp') is too far in the future"
        if not isinstance(issued_at, int | float) or issued_at > now + CLOCK_SKEW_S:
            return (
                "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
            )
        return None


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An RSA key pair in PEM."""

    private_pem: str = field(repr=False)
    public_pem: str


@cache
def process_key_pair() -> KeyPair:
    """Return a key pair as GitHub generates one for an App; one per process, because it takes a while."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return KeyPair(private.decode(), public.decode())
