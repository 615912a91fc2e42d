"""What stands in for a large model in the demo: the offline teacher, a program of the model side, as a process."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

NAME = "offline teacher: rule-based"
_DELAY_MS = 300  # so that progress can be watched
_STARTS_WITHIN_S = 60.0
_SAYS = re.compile(rf"{re.escape(NAME)}, at (http://\S+)")


class OfflineTeacherError(Exception):
    """The offline teacher did not start; the text says what it said instead."""


class OfflineTeacher:
    """Rules behind OpenAI's protocol on a free port of loopback. It ends with this process."""

    def __init__(self, delay_ms: int = _DELAY_MS) -> None:
        self.url = ""
        self._delay_ms = delay_ms
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Return once it listens. Raises OfflineTeacherError."""
        self._process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("taxonomy-pipeline"),
            *("offline-teacher", "--delay-ms", str(self._delay_ms), "--until-stdin-ends"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        async with asyncio.timeout(_STARTS_WITHIN_S):
            line = (await self._process.stdout.readline()).decode(errors="replace")
        if (says := _SAYS.match(line)) is None:
            await self.stop()
            raise OfflineTeacherError(f"The {NAME} did not start: {line.strip() or 'it said nothing'}")
        self.url = says[1]

    async def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            if self._process.returncode is None:
                self._process.terminate()
            await self._process.communicate()
