"""A browser that watches a log: takes events as they come, and resumes where it was."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp


@dataclass
class Stream:
    "Use it as an async context manager; `text` grows in the background."

    http: aiohttp.ClientSession
    url: str
    last_id: str = ""
    text: str = ""
    comments: int = 0
    is_over: bool = False
    status: int = 0
    largest: int = 0
    _task: asyncio.Task[None] | None = None
    _opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        await self._opened.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stops()

    async def stops(self) -> None:
        "Close the page."
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def ended(self) -> None:
        "Wait until the bot has closed it."
        assert self._task is not None
        async with asyncio.timeout(10):
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        try:
            async with self.http.get(self.url, headers=headers) as answer:
                self.status = answer.status
                self._opened.set()
                if answer.status == 200:
                    await self._read(answer.content)
        except aiohttp.ClientError:
            pass  # it was cut off
        finally:
            self._opened.set()

    async def _read(self, content: aiohttp.StreamReader) -> None:
        pending = b""
        while chunk := await content.readany():
            pending += chunk
            *events, pending = pending.split(b"\n\n")
            for event in events:
                self.take(event.decode())

    def take(self, event: str) -> None:
        "Take one event as it came."
        fields = dict(line.split(": ", 1) for line in event.split("\n") if not line.startswith(":"))
        self.comments += event.startswith(":")
        self.last_id = fields.get("id", self.last_id)
        self.largest = max(self.largest, len(event))
        if fields.get("event") == "lines":
            self.text += json.loads(fields["data"])
        self.is_over = self.is_over or fields.get("event") == "over"


class StalledStream:
    "A browser that has asked for a log, and takes nothing of what comes until it is told to."

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    @classmethod
    async def opened(cls, url: str, cookie: str) -> StalledStream:
        "Ask, with little room for what comes."
        place = urlsplit(url)
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, (place.hostname, place.port))
        asked = f"GET {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nCookie: {cookie}\r\n\r\n"
        await asyncio.get_running_loop().sock_sendall(connection, asked.encode())
        return cls(connection)

    async def reads_on(self) -> Stream:
        "Take what has come until the connection ends; whole events only."
        got, taken = bytearray(), Stream(None, "")  # type: ignore[arg-type]
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(10):
                while chunk := await asyncio.get_running_loop().sock_recv(self._connection, 65536):
                    got += chunk
        self._connection.close()
        for event in _unchunked(bytes(got).partition(b"\r\n\r\n")[2]).split(b"\n\n")[:-1]:
            taken.take(event.decode())
        return taken


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        whole, body = whole + rest[:length], rest[length + 2 :]
    return whole
