"""The first run as a program: it listens on loopback, waits for the walk to end, and closes behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from bot.clock import Clock
from bot.setup.door import OPEN_FOR, Door
from bot.setup.github_side import GitHubSide
from bot.setup.keeping import EnvFile, Keeping, KubernetesSecret
from bot.setup.plan import Plan
from bot.setup.walk import Walk

HOST = "127.0.0.1"
_ASKS_WITHIN_S = 20.0
_LAST_PAGE_S = 2.0  # in which the browser fetches what the last page looks like

Say = Callable[[str], None]


def where(keeping: Keeping) -> str:
    """Return in a few words where secrets go."""
    match keeping:
        case EnvFile():
            return f"written to {keeping.path} on this machine, readable by you alone"
        case KubernetesSecret():
            return f"made ready for the Secret “{keeping.name}” in the namespace “{keeping.namespace}”"
        case _:
            return "kept on this machine"


async def walk_through(plan: Plan, keeping: Keeping, port: int, clock: Clock, say: Say) -> bool:
    """Lead one visitor through the steps. Return whether they came to the end, within the hour.

    Raises KeepingError before anything is made where nothing could be kept, and OSError for a port in use.
    """
    keeping.check()
    door = Door(clock)
    timeout = aiohttp.ClientTimeout(total=_ASKS_WITHIN_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        github = GitHubSide(session, plan, clock)
        walk = Walk(plan, door, github, keeping, where(keeping))
        runner = web.AppRunner(walk.make_app(), access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, port).start()
            bound = int(runner.addresses[0][1])
            walk.address = f"http://{HOST}:{bound}"
            say(f"{walk.address}/?{urlencode({'token': door.token})}")
            is_over = await _ends_within_the_hour(walk.over, clock)
            if is_over:
                await asyncio.sleep(_LAST_PAGE_S)
        finally:
            await runner.cleanup()
    return is_over


async def _ends_within_the_hour(over: asyncio.Event, clock: Clock) -> bool:
    hour = asyncio.ensure_future(clock.sleep(OPEN_FOR.total_seconds()))
    end = asyncio.ensure_future(over.wait())
    try:
        await asyncio.wait((hour, end), return_when=asyncio.FIRST_COMPLETED)
        return over.is_set()
    finally:
        for task in (hour, end):
            task.cancel()
        await asyncio.gather(hour, end, return_exceptions=True)
