"""Loads a server with signed deliveries, a fresh GUID each: with wrk, or with asyncio where wrk is missing."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from benchmarks.deliveries import SignedBody

_SCRIPT = Path(__file__).parent / "wrk_deliveries.lua"
_LINKS = 50  # connections of a steady load


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of load came to: answered requests, those not answered with 2xx, and the time it took."""

    answered: int
    refused: int
    broken: int
    took_s: float
    p95_ms: float

    @property
    def per_second(self) -> float:
        """Answered requests a second."""
        return self.answered / self.took_s


@dataclass(frozen=True, slots=True)
class Steady:
    """What deliveries at a fixed rate came to. Times run from when each was due, not from when it got its turn."""

    per_second: float
    answered: int
    refused: int
    median_ms: float
    p99_ms: float


def generator_name() -> str:
    """Return what makes the load."""
    return "wrk" if shutil.which("wrk") else "asyncio (wrk is not installed; it may be the bottleneck)"


def load(port: int, bodies: Sequence[SignedBody], seconds: float, connections: int, folder: Path) -> Load:
    """Send deliveries to POST /webhooks for `seconds` over several connections; `folder` takes scratch files."""
    if shutil.which("wrk"):
        return _wrk(port, bodies, seconds, connections, folder)
    return asyncio.run(_asyncio(port, bodies, seconds, connections))


def _wrk(port: int, bodies: Sequence[SignedBody], seconds: float, connections: int, folder: Path) -> Load:
    listing = folder / "bodies.txt"
    lines = []
    for number, body in enumerate(bodies):
        place = folder / f"body{number}.json"
        place.write_bytes(body.content)
        lines.append(f"{body.signature} {place}\n")
    listing.write_text("".join(lines))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(_SCRIPT)]
    target = f"http://127.0.0.1:{port}/webhooks"
    done = subprocess.run(
        [*command, target, "--", str(listing), uuid.uuid4().hex], capture_output=True, text=True, check=True
    )
    result = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    answered, took_us, refused, broken, p95_us = map(int, result.split()[1:])
    return Load(answered, refused, broken, took_us / 1e6, p95_us / 1e3)


async def _asyncio(port: int, bodies: Sequence[SignedBody], seconds: float, connections: int) -> Load:
    run, numbers, times, refused = uuid.uuid4().hex, count(), [], 0
    started = time.perf_counter()

    async def one_connection() -> None:
        nonlocal refused
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() - started < seconds:
            number = next(numbers)
            sent = time.perf_counter()
            writer.write(_request(bodies[number % len(bodies)], f"{run}-{number:08d}"))
            refused += not (await _status(reader)).startswith(b"2")
            times.append(time.perf_counter() - sent)
        writer.close()

    await asyncio.gather(*(one_connection() for _ in range(connections)))
    took_s = time.perf_counter() - started
    return Load(len(times), refused, 0, took_s, sorted(times)[int(len(times) * 0.95)] * 1e3)


def steady(port: int, bodies: Sequence[SignedBody], per_second: float, seconds: float) -> Steady:
    """Send deliveries evenly at a rate, whether or not the answers keep up."""
    return asyncio.run(_steady(port, bodies, per_second, seconds))


async def _steady(port: int, bodies: Sequence[SignedBody], per_second: float, seconds: float) -> Steady:
    run, times, refused = uuid.uuid4().hex, [], 0
    due: asyncio.Queue[tuple[int, float]] = asyncio.Queue()
    links = [await asyncio.open_connection("127.0.0.1", port) for _ in range(_LINKS)]

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal refused
        while True:
            number, at = await due.get()
            writer.write(_request(bodies[number % len(bodies)], f"{run}-{number:08d}"))
            refused += not (await _status(reader)).startswith(b"2")
            times.append(time.perf_counter() - at)
            due.task_done()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(serve_one(*link)) for link in links]
        began = time.perf_counter()
        for number in range(round(per_second * seconds)):
            at = began + number / per_second
            if (early_s := at - time.perf_counter()) > 0:
                await asyncio.sleep(early_s)
            due.put_nowait((number, at))
        await due.join()
        took_s = time.perf_counter() - began
        for task in tasks:
            task.cancel()
    for _, writer in links:
        writer.close()
    times.sort()
    rate, last = len(times) / took_s, len(times) - 1
    return Steady(rate, len(times), refused, times[last // 2] * 1e3, times[int(last * 0.99)] * 1e3)


def _request(body: SignedBody, guid: str) -> bytes:
    head = (
        "POST /webhooks HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"X-GitHub-Event: pull_request\r\nX-GitHub-Delivery: {guid}\r\n"
        f"X-Hub-Signature-256: {body.signature}\r\nContent-Length: {len(body.content)}\r\n\r\n"
    )
    return head.encode() + body.content


async def _status(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        while (size := int(await reader.readline(), 16)) > 0:
            await reader.readexactly(size + 2)
        await reader.readline()
    elif b"content-length:" in lower:
        await reader.readexactly(int(lower.split(b"content-length:")[1].split(b"\r\n")[0]))
    return head.split(b" ", 2)[1]
