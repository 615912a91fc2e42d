"""The offline teacher as a process of its own: where its work shall not be counted as somebody else's."""

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
from typing import Self

from pipeline.tiny import NAME
from pipeline.tiny.server import OfflineTeacher

_STARTS_WITHIN_S = 30.0
_URL = re.compile(r"http://\S+/v1")


class OfflineTeacherError(Exception):
    """The offline teacher did not start; the text says why."""


class OfflineTeacherProcess:
    """`async with OfflineTeacherProcess("--delay-ms", "200") as teacher: ... teacher.url`.

    It takes the options of `taxonomy-pipeline offline-teacher`, and ends with the process that started it.
    `program` is another command that does as that one does.
    """

    def __init__(self, *options: str, program: Sequence[str] = ()) -> None:
        self.url = ""
        self._program = tuple(program) or (
            str(Path(sys.executable).with_name("taxonomy-pipeline")),
            "offline-teacher",
        )
        self._options = options
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        """The process's number, while it runs."""
        return self._process.pid if self._process else 0

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self._program, "--until-stdin-ends", *self._options, stdin=PIPE, stdout=PIPE, stderr=PIPE
        )
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        try:
            async with asyncio.timeout(_STARTS_WITHIN_S):
                line = (await self._process.stdout.readline()).decode()
        except TimeoutError:
            line = ""
        if (found := _URL.search(line)) is None:
            said = await self._end()
            raise OfflineTeacherError(f"The {NAME} did not start: {said or 'it said nothing'}")
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


async def serve(teacher: OfflineTeacher, *, until_stdin_ends: bool) -> None:
    """Serve until told to stop, or until standard input ends, as it does when the process at its other end dies."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with teacher:
        sys.stdout.write(f"{NAME}, at {teacher.url}\n")
        sys.stdout.flush()
        if until_stdin_ends:
            loop.add_reader(sys.stdin.fileno(), _stop_at_end, stop)
        await stop.wait()


def _stop_at_end(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        stop.set()
