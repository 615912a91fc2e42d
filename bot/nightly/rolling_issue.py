"""The one issue of a taxonomy repository that tells of its nightly builds.

Its text is the newest report, edited in place, which notifies nobody. A comment is written only when somebody has
to decide or to help. It is known again by a signed marker, so there is never a second one.
"""

from __future__ import annotations

import structlog

from bot.apply import IssueWriter
from bot.clock import Clock
from bot.comments.markers import MarkerSigner
from bot.events import Origin
from bot.github.client import GitHubApp
from bot.github.errors import NotFoundError
from bot.store.announcements import AnnouncementStore

log = structlog.get_logger()

_TOPIC = "issue"


class IssueIsBeingOpenedError(Exception):
    """Somebody else opens the issue at this moment: try again in a minute."""

    def __init__(self) -> None:
        super().__init__("somebody else opens the issue at this moment")


class RollingIssue:
    """Writes the issue. Raises the errors of `bot.github.errors`, and IssueIsBeingOpenedError."""

    def __init__(self, app: GitHubApp, said: AnnouncementStore, signer: MarkerSigner, clock: Clock) -> None:
        self._app = app
        self._said = said
        self._signer = signer
        self._clock = clock

    async def put(self, origin: Origin, title: str, body: str) -> int:
        """Make this the issue's title and text; open it if there is none. Return its number."""
        writer, text = self._writer(origin), f"{self._marker(origin)}\n{body}"
        known = await self._said.of(origin.repository_id, _TOPIC)
        if known is not None:
            try:
                await writer.edit(known.reference, title, text)
            except NotFoundError:
                log.warning("nightly.issue_is_gone", number=known.reference)
                await self._said.forget(origin.repository_id, _TOPIC)
            else:
                return known.reference
        return await self._found_or_opened(writer, origin, title, text)

    async def comment(self, origin: Origin, source: str, body: str, title: str) -> int:
        """Write a comment there, once for each `source`. `title` is for an issue that is not there yet."""
        known = await self._said.of(origin.repository_id, _TOPIC)
        if known is not None:
            try:
                return await self._comment(origin, known.reference, source, body)
            except NotFoundError:
                log.warning("nightly.issue_is_gone", number=known.reference)
                await self._said.forget(origin.repository_id, _TOPIC)
        return await self._comment(origin, await self.put(origin, title, body), source, body)

    async def _comment(self, origin: Origin, number: int, source: str, body: str) -> int:
        marker = self._signer.reply_marker(source, origin.repository_id, number)
        await self._writer(origin).comment(number, marker, body)
        return number

    async def _found_or_opened(self, writer: IssueWriter, origin: Origin, title: str, text: str) -> int:
        """Find the issue where our database has lost it, or open one; of several processes one does."""
        repository_id = origin.repository_id
        if not await self._said.claim(repository_id, _TOPIC, self._clock.now()):
            raise IssueIsBeingOpenedError
        try:
            number = await writer.find(self._marker(origin))
            if number is None:
                number = await writer.open(title, text)
            else:
                await writer.edit(number, title, text)
        except BaseException:
            await self._said.leave(repository_id, _TOPIC)
            raise
        await self._said.made(repository_id, _TOPIC, self._clock.now(), number)
        return number

    def _marker(self, origin: Origin) -> str:
        return self._signer.reply_marker("nightly builds", origin.repository_id, 0)

    def _writer(self, origin: Origin) -> IssueWriter:
        client = self._app.installation(origin.installation_id)
        return IssueWriter(client, origin, self._app.app_id)
