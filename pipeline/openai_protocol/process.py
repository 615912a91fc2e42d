"""A server of ours as a process of its own: found by the address it prints, ended with who started it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

_URL = re.compile(r"http://\S+/v1")


class ServerProcessError(Exception):
    """The server did not start; the text says why."""


class Server(Protocol):
    """What serves while its context lasts."""

    url: str

    async def __aenter__(self) -> Any: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class ServerProcess:
    """`async with ServerProcess(command, "the student", within_s=60) as server: ... server.url`.

    The command is one that serves `until-stdin-ends`; it ends with the process that started it.
    """

    def __init__(self, command: Sequence[str], who: str, within_s: float) -> None:
        self.url = ""
        self._command = tuple(command)
        self._who = who
        self._within_s = within_s
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        """The process's number, while it runs."""
        return self._process.pid if self._process else 0

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        try:
            async with asyncio.timeout(self._within_s):
                line = (await self._process.stdout.readline()).decode()
        except TimeoutError:
            line = ""
        if (found := _URL.search(line)) is None:
            said = await self._end()
            raise ServerProcessError(f"The {self._who} did not start: {said or 'it said nothing'}")
        self.url = found[0]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def _end(self) -> str:
        process = self._process
        if process is None:
            return ""
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        _out, said = await process.communicate()
        return said.decode(errors="replace").strip()


def our_command(*words: str) -> tuple[str, ...]:
    """Return a command of `taxonomy-pipeline`, of the one that is installed with this Python."""
    return (str(Path(sys.executable).with_name("taxonomy-pipeline")), *words)


async def serve(server: Server, who: str, *, until_stdin_ends: bool) -> None:
    """Serve until told to stop, or until standard input ends, as it does when the process at its other end dies."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with server:
        sys.stdout.write(f"{who}, at {server.url}\n")
        sys.stdout.flush()
        if until_stdin_ends:
            loop.add_reader(sys.stdin.fileno(), _stop_at_end, stop)
        await stop.wait()


def _stop_at_end(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        stop.set()
