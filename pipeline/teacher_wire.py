"""One request to an OpenAI-compatible server and what became of it: an answer, a fault, or a refusal."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass

import aiohttp
from yarl import URL

from pipeline.teacher_messages import AskError, GarbledError, Reply, TeacherError, read_reply
from pipeline.teacher_pacing import asked_for_s
from pipeline.teacher_settings import TeacherSettings

_TRANSIENT = frozenset({408, 409, 425, 429})  # and every 5xx but these two, which stay as they are:
_LASTING = frozenset({501, 505})
_NO_ROOM = frozenset({408, 429, 502, 503, 504, 529})
_NOBODY_THERE = frozenset({502, 503, 504})
_THIS_ASK_ONLY = frozenset({400, 413, 414, 422})
_PIECE = 64 * 1024
_MOST_WORDS = 300  # of a refusal that are passed on


@dataclass(frozen=True, slots=True)
class Fault:
    """A try that failed and may be repeated."""

    reason: str  # "429", "time-out", "connection", "cut", "garbled" ...
    is_overload: bool = False  # the server had no room or no time: fewer at once may help
    nobody_there: bool = False  # nothing answers in its place: patience helps, the ask is not to blame
    asked_for_s: float = 0.0  # the pause that the server asked for


class RefusedError(AskError):
    """The server refused this ask as it is (400, 422), perhaps because more than one choice was wanted."""


class Wire:
    """The connections to one server. Use it as an async context manager."""

    def __init__(self, settings: TeacherSettings) -> None:
        self._url = URL(settings.url.rstrip("/") + "/chat/completions")
        self._key = settings.api_key
        self._named = settings.named
        self._model = settings.model
        self._timeout = aiohttp.ClientTimeout(total=settings.timeout_s, sock_connect=min(settings.timeout_s, 20.0))
        self._connections = settings.most_at_once
        self._most_bytes = settings.most_reply_bytes
        self._use_proxy = settings.use_proxy
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make ready to send. Connections are opened when first needed and kept."""
        key = self._key.get_secret_value()
        if not (key.isascii() and (key == "" or key.isprintable())):
            raise TeacherError(
                f"{self._named}_API_KEY holds characters that no key can have, such as the end of a line."
            )
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=30.0),
            timeout=self._timeout,
            headers={"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {}),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=self._use_proxy,
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, body: bytes) -> Reply | Fault:
        """Send one request. Raises AskError or TeacherError for a refusal that no repetition will change.

        Cancelled or timed out, its connection is closed, so that the server can stop its work.
        """
        if self._session is None:
            raise TeacherError("The teacher is used outside of `async with`.")
        try:
            response = await self._session.post(self._url, data=body, allow_redirects=False)
        except aiohttp.ClientConnectorCertificateError:
            raise TeacherError("The server's certificate is not trusted: nothing was sent to it.") from None
        except aiohttp.InvalidURL:
            raise TeacherError(f"{self._named}_URL is not an address.") from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            return Fault("connection", is_overload=True, nobody_there=True)
        except TimeoutError:
            return Fault("time-out", is_overload=True)
        except (aiohttp.ClientError, OSError):
            return Fault("connection")
        is_whole = False
        try:
            if response.status == 200:
                content = await self._read(response, self._most_bytes)
                is_whole = True
                return read_reply(content)
            return await self._without_answer(response)
        except TimeoutError:
            return Fault("time-out", is_overload=True)
        except (aiohttp.ClientError, OSError):
            return Fault("cut")
        except GarbledError:
            return Fault("garbled")
        finally:
            if is_whole:
                response.release()
            else:
                response.close()

    async def _read(self, response: aiohttp.ClientResponse, most: int) -> bytes:
        """Return the body, read no further than `most` bytes (after unpacking)."""
        pieces: list[bytes] = []
        size = 0
        async for piece in response.content.iter_chunked(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > most:
                raise AskError(f"The server's answer is longer than {most} bytes: it was not read to the end.")
        return b"".join(pieces)

    async def _without_answer(self, response: aiohttp.ClientResponse) -> Fault:
        status = response.status
        if status in _TRANSIENT or (status >= 500 and status not in _LASTING):
            wished = asked_for_s(response.headers.get("Retry-After", ""), time.time())
            return Fault(str(status), status in _NO_ROOM, status in _NOBODY_THERE, wished)
        if 300 <= status < 400:
            raise TeacherError(
                f"The server answered with a redirection ({status}), which is not followed: set its final address."
            )
        if status in (401, 403):
            raise TeacherError(f"The server refused the key ({status}): check {self._named}_API_KEY.")
        if status == 404:
            raise TeacherError(
                f"The server does not know the model {self._model} or the address (404): check {self._named}_URL, "
                "which usually ends in /v1, and the model's name."
            )
        if status in _THIS_ASK_ONLY:
            said = await self._said(response)
            kind = RefusedError if status in (400, 422) else AskError
            raise kind(f"The server refused the request ({status}){said}")
        raise TeacherError(f"The server gave an answer that was not expected (status {status}).")

    async def _said(self, response: aiohttp.ClientResponse) -> str:
        """Return the server's reason as one plain line, without its address or our key."""
        try:
            async with asyncio.timeout(5):
                content = await response.content.read(8 * 1024)
        except (TimeoutError, aiohttp.ClientError, OSError):
            content = b""
        text = content.decode("utf-8", "replace")
        if (found := re.search(r'"message"\s*:\s*"((?:[^"\\]|\\.)*)', text)) is not None:
            text = found[1].replace('\\"', '"').replace("\\n", " ")
        for secret in (self._key.get_secret_value(), self._url.authority, self._url.host or ""):
            if secret:
                text = text.replace(secret, "...")
        words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return f": {words[:_MOST_WORDS]}" if words else "."
