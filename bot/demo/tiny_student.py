"""What is taught in the demo: the tiny student, made on this machine by a program of the model side, once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

NAME = "tiny student: made here from rule-based text"


class TinyStudentError(Exception):
    """The tiny student was not made; the text says what its maker said."""


class TinyStudent:
    """Being made beside the story from `start` on, or copied from where the last demo has kept it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: asyncio.subprocess.Process | None = None

    @property
    def is_under_way(self) -> bool:
        """True until it is there, or will never be."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Begin to make it."""
        self._process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("taxonomy-pipeline"),
            *("tiny-student", "--out", str(self.folder)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    async def made(self) -> Path:
        """Return its folder once it is there. Raises TinyStudentError."""
        assert self._process is not None  # noqa: S101 - started before
        _, said = await self._process.communicate()
        if self._process.returncode:
            lines = said.decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise TinyStudentError(f"The tiny student was not made: {lines[-1]}")
        return self.folder

    async def stop(self) -> None:
        """Stop making it."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.communicate()
