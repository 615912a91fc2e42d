"""The teacher client beside a bare aiohttp loop: wall time, CPU per request, memory over a counted run.

The server is a process of its own: it waits, then answers, with so many slots; what is more waits its turn.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from aiohttp import web

from pipeline.teacher import Ask, ChatMessage, ReplyCache, Teacher, TeacherSettings

_WORDS = "The tawny owl hunts at night and eats voles, mice and frogs. " * 20
_ANSWER = json.dumps(
    {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": _WORDS}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 300, "completion_tokens": 260},
    }
).encode()


@dataclass(frozen=True, slots=True)
class Run:
    """What so many requests took."""

    took_s: float
    cpu_s: float
    requests: int

    def row(self, name: str, ideal_s: float) -> str:
        """Return a line of the table."""
        cpu_ms = self.cpu_s / self.requests * 1e3
        return f"| {name} | {self.took_s:.2f} s | {self.took_s / ideal_s:.2f} | {cpu_ms:.2f} ms |"


def _serve(said: Connection[Any, Any], delay_s: float, slots: int) -> None:
    async def main() -> None:
        room = asyncio.Semaphore(slots)

        async def answer(request: web.Request) -> web.Response:
            await request.read()
            async with room:
                await asyncio.sleep(delay_s)
            return web.Response(body=_ANSWER, content_type="application/json")

        app = web.Application()
        app.router.add_post("/v1/chat/completions", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        said.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(main())


@contextlib.contextmanager
def a_server(delay_s: float, slots: int) -> Iterator[str]:
    """Yield the address of a server in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, delay_s, slots), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/v1"
    finally:
        process.terminate()
        process.join()


def an_ask(number: int) -> Ask:
    return Ask((ChatMessage("system", "Answer briefly."), ChatMessage("user", f"{_WORDS} {number}?")), seed=number)


@contextlib.asynccontextmanager
async def measured(requests: int, runs: list[Run]) -> AsyncIterator[None]:
    began, cpu = time.perf_counter(), _cpu_s()
    yield
    runs.append(Run(time.perf_counter() - began, _cpu_s() - cpu, requests))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def bare(url: str, requests: int, slots: int) -> Run:
    """Send the same bytes with aiohttp alone and read the answers as JSON."""
    runs: list[Run] = []
    numbers = iter(range(requests))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=slots)) as session:

        async def one_connection() -> None:
            for number in numbers:
                async with session.post(f"{url}/chat/completions", data=an_ask(number).body("m")) as response:
                    json.loads(await response.read())

        async with measured(requests, runs):
            await asyncio.gather(*(one_connection() for _ in range(slots)))
    return runs[0]


async def ours(url: str, requests: int, slots: int, cache: Path | None, *, tells_memory: bool = False) -> Run:
    """Send them through the teacher, from more tasks than there are slots, as the flows do."""
    runs: list[Run] = []
    numbers = iter(range(requests))
    process = psutil.Process()
    settings = TeacherSettings(url, "m", most_at_once=slots)
    with contextlib.ExitStack() as stack:
        kept = stack.enter_context(ReplyCache(cache)) if cache is not None else None
        async with Teacher(settings, kept) as teacher:

            async def one_task() -> None:
                for number in numbers:
                    await teacher.ask(an_ask(number))
                    if tells_memory and number % max(1, requests // 10) == 0:
                        print(f"  {number:>8} requests: {process.memory_info().rss / 2**20:.1f} MiB", flush=True)

            async with measured(requests, runs):
                await asyncio.gather(*(one_task() for _ in range(slots * 4)))
    return runs[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--delay-ms", type=float, default=200.0)
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--memory", type=int, default=0, help="also count memory over so many requests, no delay")
    options = parser.parse_args()
    ideal_s = options.requests * options.delay_ms / 1e3 / options.slots
    print(f"{options.requests} requests, {options.delay_ms:.0f} ms, {options.slots} slots: ideal {ideal_s:.2f} s\n")
    print("| client | took | times the ideal | CPU a request |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, a_server(options.delay_ms / 1e3, options.slots) as url:
        print(asyncio.run(bare(url, options.requests, options.slots)).row("bare aiohttp loop", ideal_s), flush=True)
        run = asyncio.run(ours(url, options.requests, options.slots, None))
        print(run.row("teacher", ideal_s), flush=True)
        cache = Path(folder) / "cache"
        run = asyncio.run(ours(url, options.requests, options.slots, cache))
        print(run.row("teacher, cache written", ideal_s), flush=True)
        run = asyncio.run(ours(url, options.requests, options.slots, cache))
        print(run.row("teacher, all from the cache", ideal_s), flush=True)
    if options.memory:
        print("\nMemory of the client's process:")
        with tempfile.TemporaryDirectory() as folder, a_server(0.0, options.slots) as url:
            run = asyncio.run(ours(url, options.memory, options.slots, Path(folder) / "cache", tells_memory=True))
        print(f"  {run.requests} requests in {run.took_s:.0f} s, {run.cpu_s / run.requests * 1e3:.2f} ms CPU each")


if __name__ == "__main__":
    main()
