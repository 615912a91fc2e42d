"""Processes as an operator starts them: killed without a word, frozen, skewed; and nobody left behind."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

_PR_SET_CHILD_SUBREAPER = 36
_GONE_WITHIN_S = 10.0
_SKEWED = Path(__file__).parent / "skewed"


class Program:
    """One command of ours, as a process."""

    started: ClassVar[dict[int, Program]] = {}  # by process id, all that were ever started

    def __init__(
        self, command: str, argument: str, settings: Mapping[str, str], log: Path, *, skew_s: float = 0.0
    ) -> None:
        environment = os.environ | settings
        if skew_s:
            path = os.pathsep.join((str(_SKEWED), environment.get("PYTHONPATH", "")))
            environment |= {"PYTHONPATH": path, "CHAOS_SKEW_S": str(skew_s)}
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [Path(sys.executable).with_name(command), argument], env=environment, stdout=output, stderr=output
            )
        Program.started[self._process.pid] = self

    @property
    def is_alive(self) -> bool:
        "True until it has ended."
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        "Its process id."
        return self._process.pid

    def works(self) -> bool:
        "True while a worker has a process that does a job, or is ready to do one."
        return any("spawn_main" in _command(pid) for pid in children_of(self.pid))

    def freezes(self) -> None:
        "It stands still, with everything it holds."
        self._process.send_signal(signal.SIGSTOP)

    def goes_on(self) -> None:
        "It moves again."
        self._process.send_signal(signal.SIGCONT)

    async def dies(self) -> None:
        "Kill -9: it can do nothing about it."
        self._process.kill()
        await asyncio.to_thread(self._process.wait)

    async def is_told_to_go(self) -> None:
        "SIGTERM, and it may take its time."
        if self.is_alive:
            self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, 20)
        except subprocess.TimeoutExpired:
            await self.dies()


def adopt_orphans() -> None:
    """Have processes whose parent dies become children of this one, so that none can hide. Linux only."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


async def orphans() -> list[str]:
    """Return the processes that nobody owns any more and that do not go by themselves; then end them."""
    until = time.monotonic() + _GONE_WITHIN_S
    while (left := _adopted()) and time.monotonic() < until:
        await asyncio.sleep(0.1)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return [f"{pid}: {command}" for pid, command in left.items()]


def children_of(parent: int) -> list[int]:
    """Return the processes that a process has started and that are alive."""
    return [pid for pid, (its_parent, state) in _table().items() if its_parent == parent and state != "Z"]


def _adopted() -> dict[int, str]:
    """Return the children of this process that it has not started, and bury those that are dead."""
    found = {}
    for pid, (parent, state) in _table().items():
        if parent != os.getpid() or pid in Program.started:
            continue
        if state == "Z":
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            continue
        command = _command(pid)
        if command and "redis-server" not in command:  # the broker of the arena is ours
            found[pid] = command[:120]
    return found


def _command(pid: int) -> str:
    """Return the command line of a process, empty when it is gone."""
    try:
        raw = (Path("/proc") / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ""
    return raw.replace(b"\0", b" ").decode(errors="replace")


def _table() -> dict[int, tuple[int, str]]:
    """Return parent and state of every process."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                found[int(entry.name)] = (int(parent), state)
    return found
