"""A look inside the running process: its tasks, its threads, its memory, its settings. Off unless a port is set.

It listens on this machine alone, whatever HOST says, and answers only who asks for this machine by name: a page in
somebody's browser that has a name of its own point here gets nothing.
"""

from __future__ import annotations

import asyncio
import io
import sys
import threading
import traceback
import tracemalloc
from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from bot.dashboard.config_facts import setting_facts
from bot.settings import BotSettings

log = structlog.get_logger()

_HOST = "127.0.0.1"
_NAMES = frozenset({"127.0.0.1", "localhost"})
_FRAMES = 5  # of each place that takes memory
_MOST_PLACES = 30
_DEEPEST = 40
_INDEX = """\
GET  /debug/tasks     what the event loop has under way, each with where it waits
GET  /debug/threads   the threads, each with its stack
POST /debug/memory    begin to note who takes memory (it slows the process down by half)
GET  /debug/memory    who has taken the most since then
DELETE /debug/memory  stop that
GET  /debug/config    the settings in force, without secrets
"""


class DebugPort:
    """Answers operators on this machine."""

    def __init__(self, settings: BotSettings) -> None:
        self._settings = settings
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen; with port 0 nothing is done. Raises OSError where the port is taken."""
        if not self._settings.debug_port:
            return
        app = web.Application(middlewares=[_only_by_name])
        app.router.add_get("/debug", _index)
        app.router.add_get("/debug/tasks", _tasks)
        app.router.add_get("/debug/threads", _threads)
        app.router.add_get("/debug/memory", _memory)
        app.router.add_post("/debug/memory", _begin_memory)
        app.router.add_delete("/debug/memory", _end_memory)
        app.router.add_get("/debug/config", self._config)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, _HOST, self._settings.debug_port).start()
        log.warning("debug.listening", port=self._settings.debug_port)

    async def stop(self) -> None:
        """Stop, and note no more who takes memory."""
        if self._runner is not None:
            tracemalloc.stop()
            await self._runner.cleanup()

    async def _config(self, _request: web.Request) -> web.Response:
        facts = setting_facts(self._settings)
        return _text("\n".join(f"{one.name} = {one.value}  ({one.source})" for one in facts))


@web.middleware
async def _only_by_name(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse whoever calls this machine by another name, and pages of browsers."""
    if request.url.host not in _NAMES or "Origin" in request.headers:
        return web.Response(status=HTTPStatus.FORBIDDEN, text="ask for 127.0.0.1, from a command line\n")
    return await handler(request)


async def _index(_request: web.Request) -> web.Response:
    return _text(_INDEX)


async def _tasks(_request: web.Request) -> web.Response:
    out = io.StringIO()
    for task in sorted(asyncio.all_tasks(), key=lambda task: task.get_name()):
        task.print_stack(limit=_DEEPEST, file=out)
        out.write("\n")
    return _text(out.getvalue())


async def _threads(_request: web.Request) -> web.Response:
    frames = sys._current_frames()
    parts = []
    for thread in threading.enumerate():
        stack = traceback.format_stack(frames[thread.ident], _DEEPEST) if thread.ident in frames else []
        parts.append(f"{thread.name} (daemon: {thread.daemon})\n{''.join(stack)}")
    return _text("\n".join(parts))


async def _begin_memory(_request: web.Request) -> web.Response:
    tracemalloc.start(_FRAMES)
    return _text("noted from now on")


async def _end_memory(_request: web.Request) -> web.Response:
    tracemalloc.stop()
    return _text("noted no more")


async def _memory(_request: web.Request) -> web.Response:
    if not tracemalloc.is_tracing():
        return web.Response(status=HTTPStatus.CONFLICT, text="POST /debug/memory first: nobody notes it yet\n")
    snapshot = await asyncio.to_thread(tracemalloc.take_snapshot)
    places = await asyncio.to_thread(snapshot.statistics, "lineno")
    now, peak = tracemalloc.get_traced_memory()
    head = f"{now / 2**20:.1f} MiB since it began, {peak / 2**20:.1f} at most"
    return _text("\n".join([head, *(str(place) for place in places[:_MOST_PLACES])]))


def _text(text: str) -> web.Response:
    return web.Response(text=text + "\n", headers={"Cache-Control": "no-store"})
