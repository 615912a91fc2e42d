"""The programs of the demo as an operator starts them: processes that end with it, however it ends."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bot.ending import END_WITH_PARENT

_GOES_WITHIN_S = 20.0


class Program:
    """One command of ours as a process, in a session of its own: Ctrl-C reaches the demo alone, which ends it."""

    def __init__(self, name: str, *arguments: str, settings: Mapping[str, str], log: Path) -> None:
        self.log = log
        self._command = [str(Path(sys.executable).with_name(name)), *arguments]
        self._environment = settings
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_alive(self) -> bool:
        """True from its start until it has ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; what it says goes to the end of its log."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=os.environ | self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=END_WITH_PARENT,
            )

    async def stop(self) -> None:
        """Tell it to go, and wait; after some seconds it is killed."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, _GOES_WITHIN_S)
        except subprocess.TimeoutExpired:
            await self.dies()

    async def dies(self) -> None:
        """Kill it: it can do nothing about it."""
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    def said(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-3000:] if self.log.is_file() else ""


async def typed(name: str, *arguments: str, settings: Mapping[str, str]) -> tuple[int, str]:
    """Run a command to its end, as an operator types it. Return its status, and what it said."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name(name),
        *arguments,
        env=os.environ | settings | {"COLUMNS": "110"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        out, _ = await process.communicate()
    except BaseException:
        process.kill()
        raise
    return process.returncode or 0, out.decode(errors="replace")
