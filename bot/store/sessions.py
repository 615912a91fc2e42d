"""Who is signed in: a digest of what the browser holds, never that itself."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import sessions
from checks.contribution import Login

MOST_OF_AN_ACCOUNT = 20  # a newer one ends the oldest


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in. Forms carry `csrf_token`, so that no other site can send them."""

    user_id: int
    login: Login
    csrf_token: str
    began_at: datetime
    ends_at: datetime


class SessionStore:
    """Reads and writes sessions."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def begin(self, token: str, session: Session) -> None:
        """Store a session for whoever holds `token`; those that are over or too many are dropped."""
        values = {
            "digest": _digest(token),
            "user_id": session.user_id,
            "login": session.login,
            "csrf_token": session.csrf_token,
            "began_at": session.began_at,
            "ends_at": session.ends_at,
        }
        async with self._engine.begin() as connection:
            await connection.execute(delete(sessions).where(sessions.c.ends_at <= session.began_at))
            await connection.execute(insert(sessions).values(values))
            of_account = sessions.c.user_id == session.user_id
            newest = select(sessions.c.digest).where(of_account).order_by(sessions.c.began_at.desc())
            kept = newest.limit(MOST_OF_AN_ACCOUNT).scalar_subquery()
            await connection.execute(delete(sessions).where(of_account, sessions.c.digest.not_in(kept)))

    async def of(self, token: str, now: datetime) -> Session | None:
        """Return the session of whoever holds `token`; None for one that is over or was never ours."""
        query = select(sessions).where(sessions.c.digest == _digest(token), sessions.c.ends_at > now)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            return None
        return Session(row["user_id"], Login(row["login"]), row["csrf_token"], row["began_at"], row["ends_at"])

    async def end(self, token: str) -> None:
        """End one session."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(sessions).where(sessions.c.digest == _digest(token)))

    async def end_all_of(self, user_id: int) -> None:
        """End every session of an account."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(sessions).where(sessions.c.user_id == user_id))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
