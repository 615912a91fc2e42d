"""Webhooks by way of a relay that speaks smee's protocol: we fetch them, so that nobody has to reach us."""

from __future__ import annotations

import asyncio
import random
from http import HTTPStatus

import aiohttp
import structlog

from bot.clock import Clock
from bot.inbox import WebhookEndpoint
from bot.relay_stream import StreamEvent, StreamReader, UnreadableEventError, relayed

log = structlog.get_logger()

_HEADERS = ("Content-Type", "X-GitHub-Delivery", "X-GitHub-Event", "X-Hub-Signature-256")
SILENCE_S = 90.0  # smee sends a sign of life every thirty seconds
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_CONNECTS_WITHIN_S = 20.0
_TRIES = 3  # where our database stumbles; then a sweep has GitHub send it again
_MORE_THAN_BODY = 256 * 1024  # bytes of an event besides the delivery


class RelayError(Exception):
    """The relay gave no stream of events; the text says what it did instead."""


class Relay:
    """Reads one channel, and begins anew, ever later, when it breaks off.

    The relay keeps nothing: what it tells while nobody listens, a sweep has GitHub send again.
    """

    def __init__(
        self, session: aiohttp.ClientSession, endpoint: WebhookEndpoint, clock: Clock, url: str, *, most_bytes: int
    ) -> None:
        """`url` is the channel, or empty: then nothing is read. `most_bytes`: of one delivery."""
        self._session = session
        self._endpoint = endpoint
        self._clock = clock
        self._url = url
        self._most_bytes = most_bytes + _MORE_THAN_BODY
        self._last_id = ""
        self._has_heard = False
        self._task: asyncio.Task[None] | None = None
        self.is_connected = False
        self.taken = 0
        self.refused = 0

    async def start(self) -> None:
        """Begin, if there is a channel."""
        if self._url:
            self._task = asyncio.create_task(self._run(), name="relay")

    async def stop(self) -> None:
        """Hang up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            self._has_heard = False
            try:
                await self._listen()
                reason = "the stream ended"
            except RelayError as error:
                reason = str(error)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                reason = type(error).__name__
            except Exception:
                log.exception("relay.crashed")
                reason = "a mistake of ours"
            self.is_connected = False
            pause_s = _FIRST_PAUSE_S if self._has_heard else min(pause_s * 2, _LONGEST_PAUSE_S)
            log.warning("relay.broken_off", because=reason, again_in_s=pause_s)
            await self._clock.sleep(pause_s * random.uniform(1.0, 1.2))  # noqa: S311 - jitter, no secret

    async def _listen(self) -> None:
        # smee compares what is accepted letter by letter; compressed, little could become very much
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity", "Cache-Control": "no-cache"}
        if self._last_id:
            headers["Last-Event-ID"] = self._last_id
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECTS_WITHIN_S, sock_read=SILENCE_S)
        async with self._session.get(self._url, headers=headers, timeout=timeout, allow_redirects=False) as answer:
            if answer.status != HTTPStatus.OK or answer.content_type != "text/event-stream":
                raise RelayError(f"the relay answered {answer.status} with {answer.content_type[:80]}")
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise RelayError("the relay compresses what it was asked to send plainly")
            self.is_connected = True
            log.info("relay.connected")
            reader = StreamReader(self._most_bytes)
            async for chunk in answer.content.iter_any():
                too_large = reader.too_large
                for event in reader.feed(chunk):
                    self._has_heard = True
                    await self._take(event)
                if reader.too_large > too_large:
                    log.warning("relay.too_large", most_bytes=self._most_bytes)
                self._last_id = reader.last_id

    async def _take(self, event: StreamEvent) -> None:
        """Take one webhook as if it had come to our own door; whatever is wrong with it, the next one comes."""
        if event.kind != "message":  # "ready" and "ping"
            return
        try:
            found = relayed(event.data)
        except UnreadableEventError as error:
            self.refused += 1
            log.warning("relay.unreadable", because=str(error))
            return
        given = {name.lower(): value for name, value in found.headers.items()}
        headers = {name: given.get(name.lower(), "") for name in _HEADERS}
        status = HTTPStatus.UNAUTHORIZED
        for body in found.bodies:
            status = HTTPStatus((await self._endpoint.take(body, headers)).status)
            if status is not HTTPStatus.UNAUTHORIZED:
                break
        for _ in range(_TRIES - 1):
            if status is HTTPStatus.SERVICE_UNAVAILABLE:
                await self._clock.sleep(_FIRST_PAUSE_S)
                status = HTTPStatus((await self._endpoint.take(body, headers)).status)
        if status is HTTPStatus.ACCEPTED:
            self.taken += 1
        else:
            self.refused += 1
            log.warning("relay.refused", status=status.value, github_event=headers["X-GitHub-Event"][:64])
