"""The session's cookie, and the token that forms carry."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from aiohttp import web

from bot.dashboard.visit import BadRequestError
from bot.settings import BotSettings
from bot.store.sessions import Session, SessionStore
from checks.contribution import Login

CSRF_FIELD = "csrf_token"
_OUT_OF_DATE = (
    "This form is out of date: the page was open for long, or you have signed in anew since. "
    "Go back, load the page again and send it once more. Nothing was changed."
)
_FOREIGN = "This was sent from another site, so it was not done. Open the page here and send it from there."


class SessionCookies:
    """Gives browsers their session and knows it again."""

    def __init__(self, settings: BotSettings, store: SessionStore) -> None:
        self._is_https = not settings.public_url.startswith("http://")
        self._lasts = timedelta(hours=settings.session_hours)
        self._store = store
        # a browser takes such a name only from us ourselves, over HTTPS and for the whole site
        self.name = "__Host-session" if self._is_https else "session"

    async def session_of(self, request: web.Request, now: datetime) -> Session | None:
        """Return the session of a request; None when nobody is signed in."""
        token = request.cookies.get(self.name, "")
        return await self._store.of(token, now) if token else None

    async def begin(
        self, request: web.Request, response: web.Response, login: Login, user_id: int, now: datetime
    ) -> None:
        """Sign somebody in under a token that nobody has seen before; the one they came with is ended."""
        if before := request.cookies.get(self.name, ""):
            await self._store.end(before)
        token = secrets.token_urlsafe(32)
        session = Session(user_id, login, secrets.token_urlsafe(32), now, now + self._lasts)
        await self._store.begin(token, session)
        response.set_cookie(
            self.name,
            token,
            max_age=int(self._lasts.total_seconds()),
            path="/",
            httponly=True,
            secure=self._is_https,
            samesite="Lax",
        )

    async def end(self, request: web.Request, response: web.Response) -> None:
        """Sign whoever asks out."""
        if token := request.cookies.get(self.name, ""):
            await self._store.end(token)
        response.del_cookie(self.name, path="/", httponly=True, secure=self._is_https, samesite="Lax")


async def check_form(request: web.Request, session: Session, public_url: str) -> None:
    """Return if a form comes from a page of ours that this session was given. Raises BadRequestError."""
    origin = request.headers.get("Origin", "")
    ours = urlsplit(public_url).netloc if public_url else request.host
    if origin and urlsplit(origin).netloc != ours:
        raise BadRequestError(_FOREIGN)
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise BadRequestError(_FOREIGN)
    given = (await request.post()).get(CSRF_FIELD, "")
    if not isinstance(given, str) or not hmac.compare_digest(
        given.encode(errors="replace"), session.csrf_token.encode()
    ):
        raise BadRequestError(_OUT_OF_DATE)
