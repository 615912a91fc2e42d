"""Starts a teacher's server and watches it: waits until it is healthy, restarts it when it falls, ends it with us.

Whatever the server has started dies with it, and with us however we end, so that no GPU memory stays taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import aiohttp

from pipeline.settings import ServeSettings
from pipeline.vllm_arguments import serve_arguments, serve_environment

_LOOK_EVERY_S = 0.5
_TELL_EVERY_S = 10.0
_LOOK_LATER_EVERY_S = 10.0  # once it is healthy
_UNHEALTHY_AFTER = 6  # looks in a row
_FORGIVEN_AFTER_S = 3600.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_LONGEST_LINE = 2_000
_LAST_LINES = 15
_FIRST_COMPLAINTS = 3  # of many: what follows from the first error fills the last lines
_COMPLAINT = re.compile(r"(?:^|\] )\s*[A-Za-z_][\w.]*(?:Error|Exception): ")
_FREED_WITHIN_S = 30.0  # after a fall: whoever shared the port with the server is still ending


class ServeError(Exception):
    """The server cannot be run; the text says what was tried and what it said last."""


class ServedTeacher:
    """One server and its keeper. `tell` gets each line for people, its own and the server's."""

    def __init__(
        self, settings: ServeSettings, environment: Mapping[str, str], tell: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._arguments = serve_arguments(settings)
        self._environment = serve_environment(settings, environment)
        self._tell = tell
        self._last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._complaints: list[str] = []
        self.is_healthy = asyncio.Event()

    @property
    def address(self) -> str:
        """Where clients on this machine reach it: what TEACHER_URL is set to."""
        return f"{self._root}/v1"

    @property
    def _root(self) -> str:
        host = _reached_at(self._settings.serve_host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self._settings.serve_port}"

    async def run(self) -> None:
        """Serve until cancelled. Raises ServeError when that is not possible, or no longer."""
        self._must_be_there()
        falls = 0
        pause_s = _FIRST_PAUSE_S
        while True:
            await self._must_be_free(_FREED_WITHIN_S if falls else 0)
            began = time.monotonic()
            was_ready = await self._one_life()
            if not was_ready and falls == 0:
                raise ServeError(f"The server did not become ready. {self._said()}")
            if time.monotonic() - began > _FORGIVEN_AFTER_S:
                falls, pause_s = 0, _FIRST_PAUSE_S
            falls += 1
            if falls > self._settings.serve_restarts:
                raise ServeError(f"The server fell {falls} times. {self._said()}")
            self._tell(f"restart {falls} of {self._settings.serve_restarts} in {pause_s:.0f} s")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _one_life(self) -> bool:
        """Start the server and return once it is gone; whether it was ever ready."""
        self._complaints.clear()
        ours, theirs = os.pipe()
        said = os.fdopen(ours, "rb")
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "pipeline.kept_process", str(os.getpid()), *self._arguments),
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=theirs,  # no pipe of asyncio's: its end would be waited for though the server is gone
                stderr=theirs,
                start_new_session=True,
            )
        except OSError as error:
            said.close()
            raise ServeError(f"No process can be started on this machine ({error.strerror}).") from None
        finally:
            os.close(theirs)
        self._tell(f"started as process {process.pid}")
        ended = asyncio.create_task(process.wait())
        watch = asyncio.create_task(self._watch(process))
        lines = asyncio.create_task(self._pass_on(said))
        try:
            await asyncio.wait({ended, watch}, return_when=asyncio.FIRST_COMPLETED)
            was_ready = self.is_healthy.is_set()
            if process.returncode is not None:
                self._tell(f"the server ended ({_how(process.returncode)})")
            return was_ready
        finally:
            self.is_healthy.clear()
            watch.cancel()
            await _end(process, self._settings.serve_stop_within_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(lines, 2)

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Return when the server is not healthy in time, or not any more."""
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
            if not await self._becomes_healthy(session):
                self._tell(f"not ready within {self._settings.serve_ready_within_s:.0f} s: it is ended")
                return
            self.is_healthy.set()
            self._tell(f"ready: {self.address}")
            missed = 0
            while missed < _UNHEALTHY_AFTER:
                await asyncio.sleep(_LOOK_LATER_EVERY_S)
                missed = 0 if await self._looks_healthy(session) else missed + 1
            self._tell(f"process {process.pid} lives but did not answer {missed} times: it is ended")

    async def _becomes_healthy(self, session: aiohttp.ClientSession) -> bool:
        began = told = time.monotonic()
        while (now := time.monotonic()) - began < self._settings.serve_ready_within_s:
            if await self._looks_healthy(session):
                return True
            if now - told >= _TELL_EVERY_S:
                told = now
                self._tell(f"loading: {now - began:.0f} s of at most {self._settings.serve_ready_within_s:.0f} s")
            await asyncio.sleep(_LOOK_EVERY_S)
        return False

    async def _looks_healthy(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self._root}/health", allow_redirects=False) as response:
                return response.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    async def _pass_on(self, said: BinaryIO) -> None:
        """Pass on what the server says, line by line, each cut and without control characters."""
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), said)
        rest = b""
        try:
            while piece := await reader.read(64 * 1024):
                *lines, rest = (rest + piece).replace(b"\r", b"\n").split(b"\n")
                rest = rest[:_LONGEST_LINE]
                for line in lines:
                    self._pass_on_line(line)
            self._pass_on_line(rest)
        finally:
            transport.close()

    def _pass_on_line(self, line: bytes) -> None:
        text = line[:_LONGEST_LINE].decode("utf-8", "replace").rstrip()
        text = "".join(c if c.isprintable() or c == "\t" else " " for c in text)
        if text.strip():
            self._last_lines.append(text)
            if len(self._complaints) < _FIRST_COMPLAINTS and _COMPLAINT.search(text):
                self._complaints.append(text)
            self._tell(f"| {text}")

    def _said(self) -> str:
        """Return its first errors, which name the cause, and its last lines."""
        first = "".join(f"  {line}\n" for line in self._complaints)
        last = "\n".join(f"  {line}" for line in self._last_lines) or "  (nothing)"
        return (f"Its first errors:\n{first}" if first else "") + f"It said last:\n{last}"

    def _must_be_there(self) -> None:
        """Raise ServeError when the program, the model's folder or an adapter's is not on this machine."""
        program = self._settings.serve_program[0]
        if shutil.which(program, path=self._environment.get("PATH")) is None:
            raise ServeError(
                f"{program} cannot be started: this machine has no such program. Install it "
                "(pip install 'taxonomy-bot[gpu]') or set TAXONOMY_PIPELINE_SERVE_PROGRAM."
            )
        model = self._settings.serve_model
        if _is_folder_name(model) and not (Path(model) / "config.json").is_file():
            raise ServeError(
                f"There is no model in {model}: a file config.json has to be there. Set "
                "TAXONOMY_PIPELINE_SERVE_MODEL to the folder of one, in full and without ~."
            )
        for adapter in self._settings.serve_adapters:
            if not (adapter.folder / "adapter_config.json").is_file():
                raise ServeError(
                    f"There is no adapter in {adapter.folder}: a file adapter_config.json has to be there. Put "
                    f"right {adapter.name} in TAXONOMY_PIPELINE_SERVE_ADAPTERS."
                )

    async def _must_be_free(self, within_s: float) -> None:
        """Raise ServeError when somebody else listens there: its health would be taken for ours."""
        until = time.monotonic() + within_s
        while self._is_taken():
            if time.monotonic() >= until:
                port = self._settings.serve_port
                raise ServeError(f"Something listens on port {port} already: end it, or set another SERVE_PORT.")
            await asyncio.sleep(_LOOK_EVERY_S)

    def _is_taken(self) -> bool:
        place = (_reached_at(self._settings.serve_host), self._settings.serve_port)
        try:
            with socket.create_connection(place, timeout=2):
                return True
        except OSError:
            return False


def _is_folder_name(model: str) -> bool:
    """True for what cannot be looked up elsewhere: a name there is NAME or OWNER/NAME."""
    return model.startswith((".", "/", "~")) or model.count("/") > 1


def _how(code: int) -> str:
    """Return how a process ended; a shell's way of counting signals is read, too."""
    number = -code if code < 0 else code - 128
    if number in set(signal.Signals):
        hint = ", as where memory runs out" if number == signal.SIGKILL else ""
        return f"killed by {signal.Signals(number).name}{hint}"
    return f"exit code {code}"


def _reached_at(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened on


async def _end(process: asyncio.subprocess.Process, within_s: float) -> None:
    """End the server and everything that it has started: asked first, then killed."""
    try:
        if process.returncode is None:
            _signal_all(process.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), within_s)
    finally:
        _signal_all(process.pid, signal.SIGKILL)
    await process.wait()


def _signal_all(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _cancel_once(task: asyncio.Task[None]) -> None:
    """Cancel it; a second signal does not disturb its tidy end."""
    if not task.cancelling():
        task.cancel()


async def serve(settings: ServeSettings, tell: Callable[[str], None]) -> None:
    """Run the server until SIGTERM, SIGINT or SIGHUP. Raises ServeError."""
    teacher = ServedTeacher(settings, os.environ, tell)
    running = asyncio.create_task(teacher.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, _cancel_once, running)
    with contextlib.suppress(asyncio.CancelledError):
        await running
