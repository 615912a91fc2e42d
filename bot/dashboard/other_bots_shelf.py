"""Which other bots are at work on a repository: asked for once in a while, for whoever looks at the page."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from bot.clock import Clock
from bot.events import Origin
from bot.github.client import GitHubApp
from bot.github.errors import GitHubError
from bot.other_bots import OtherBot, other_bots
from bot.other_bots_reading import seen_there

log = structlog.get_logger()

_KEPT_FOR = timedelta(minutes=30)


class OtherBotsShelf:
    """Keeps what was found last, also that nothing could be found out."""

    def __init__(self, app: GitHubApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock
        self._looking = asyncio.Lock()
        self._found: dict[int, tuple[datetime, tuple[OtherBot, ...] | None]] = {}

    async def of(self, origin: Origin) -> tuple[OtherBot, ...] | None:
        """Return the other bots of a repository; None where GitHub does not tell."""
        async with self._looking:
            now = self._clock.now()
            known = self._found.get(origin.repository_id)
            if known is None or now - known[0] >= _KEPT_FOR:
                known = self._found[origin.repository_id] = (now, await self._look(origin))
            return known[1]

    async def _look(self, origin: Origin) -> tuple[OtherBot, ...] | None:
        try:
            return other_bots(await seen_there(self._app.installation(origin.installation_id), origin))
        except GitHubError as error:
            log.warning("other_bots.not_found_out", repository_id=origin.repository_id, error=str(error))
            return None
