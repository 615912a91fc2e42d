"""The bot as an operator serves it, `taxonomy-bot serve` in a process of its own, for benchmarks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import aiohttp

from benchmarks.webhook_servers import ServerError, free_port

_START_TIMEOUT_S = 60.0
_PROGRAM = Path(sys.executable).with_name("taxonomy-bot")


@contextlib.asynccontextmanager
async def served_bot(folder: Path, settings: Mapping[str, str]) -> AsyncIterator[str]:
    """Serve the bot with these TAXONOMY_BOT_... settings and yield the address of its webhooks.

    Its database and its log lie in `folder`. Raises ServerError with the log when it does not get ready.
    """
    async with served_process(folder, settings) as (_, address):
        yield f"{address}/webhooks"


@contextlib.asynccontextmanager
async def served_process(
    folder: Path, settings: Mapping[str, str], prefix: Sequence[str] = ()
) -> AsyncIterator[tuple[int, str]]:
    """Serve it as `served_bot` does, with `prefix` in front of the command; yield its process and address."""
    settings = {
        "database_url": f"sqlite+aiosqlite:///{folder / 'bot.sqlite'}",
        "port": str(free_port()),
        "log_format": "json",
        "start_in": "adopted",
        **settings,
    }
    port = int(settings["port"])
    variables = {f"TAXONOMY_BOT_{name.upper()}": value for name, value in settings.items()}
    variables.setdefault("TAXONOMY_BOT_CHECK_DOCUMENTS", "false")  # the leaves name documents of nowhere
    log = folder / "bot.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *prefix, _PROGRAM, "serve", env=os.environ | variables, stdout=output, stderr=output
        )
    try:
        if not await _gets_ready(process, f"http://127.0.0.1:{port}/readyz"):
            raise ServerError(f"the bot did not start:\n{log.read_text()[-2000:]}")
        yield process.pid, f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _gets_ready(process: asyncio.subprocess.Process, url: str) -> bool:
    async with aiohttp.ClientSession() as session:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_TIMEOUT_S):
                while process.returncode is None:
                    with contextlib.suppress(aiohttp.ClientError):
                        async with session.get(url) as response:
                            if response.ok:
                                return True
                    await asyncio.sleep(0.1)
    return False
