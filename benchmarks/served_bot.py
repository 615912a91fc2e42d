"""The bot as an operator serves it, `taxonomy-bot serve` in a process of its own, for benchmarks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping
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
    port = free_port()
    settings = {
        "database_url": f"sqlite+aiosqlite:///{folder / 'bot.sqlite'}",
        "port": str(port),
        "log_format": "json",
        **settings,
    }
    variables = {f"TAXONOMY_BOT_{name.upper()}": value for name, value in settings.items()}
    variables.setdefault("TAXONOMY_BOT_CHECK_DOCUMENTS", "false")  # the leaves name documents of nowhere
    log = folder / "bot.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            _PROGRAM, "serve", env=os.environ | variables, stdout=output, stderr=output
        )
    try:
        if not await _gets_ready(process, f"http://127.0.0.1:{port}/readyz"):
            raise ServerError(f"the bot did not start:\n{log.read_text()[-2000:]}")
        yield f"http://127.0.0.1:{port}/webhooks"
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
