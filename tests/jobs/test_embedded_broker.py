"""The Redis that the bot starts for itself goes with it, also when the bot is killed."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from pipeline.contract import redis_program

_KEEPS_A_BROKER = """
import asyncio, sys
from pathlib import Path
from bot.broker import EmbeddedBroker

async def main():
    broker = EmbeddedBroker(Path(sys.argv[1]), sys.argv[2])
    await broker.start()
    print("it answers", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell a process that its parent is gone")
async def test_it_ends_with_a_bot_that_is_killed(tmp_path: Path) -> None:
    "So workers lose it and come to that of the next bot, instead of waiting for ever at one that nobody writes to."
    program = redis_program()
    assert program is not None
    bot = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _KEEPS_A_BROKER, str(tmp_path / "b"), program), stdout=asyncio.subprocess.PIPE
    )
    assert bot.stdout is not None
    assert await bot.stdout.readline() == b"it answers\n"
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "b" / "broker.sock"))
    bot.send_signal(signal.SIGKILL)
    async with asyncio.timeout(20):
        assert await reader.read() == b""  # Redis has closed it
    writer.close()
    await bot.wait()
