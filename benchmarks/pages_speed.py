"""How quick the pages are over a database of years: every page at 20 requests a second, SQLite and PostgreSQL.

The real bot, a process of its own on one core, against a simulated GitHub; asked by a maintainer who is signed in.
Ends with 1 when the slow twentieth of a page takes more than 100 ms, or the overview more than 60 kB.
"""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urljoin

import aiohttp

from benchmarks.full_house import (
    BUILDS,
    FAILS_EACH,
    JOBS,
    KINDS,
    OPEN_PULLS,
    PULLS,
    Files,
    Place,
    fill,
    store_files,
)
from benchmarks.served_bot import served_process
from benchmarks.webhook_servers import free_port
from bot.dashboard.registry import Page, all_pages
from bot.simulator import Simulator
from bot.simulator.signing_in import CLIENT_ID, CLIENT_SECRET
from bot.store.database import migrate, open_engine
from bot.store.sessions import Session, SessionStore
from checks.contribution import Login
from pipeline.artifacts import ArtifactStore
from tests.databases import PostgresServer

_RATE, _ROUNDS, _ALONE = 20, 40, 10
_MOST_MS, _MOST_BYTES = 100.0, 60_000
_CORE = "0"
_LOGS_KEPT = 1900  # pull requests of the last weeks, whose jobs still have their logs
_TOKEN, _WHO, _SECRET = "a" * 43, "mia", "the webhook secret of the benchmark"
_STATIC = re.compile(r'(?:href|src)="(/static/[^"]+)"')
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Measured:
    """One page: how long answers took from when they were due, their size, and the processor time of one."""

    path: str
    took_ms: list[float] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)
    size: int = 0
    cpu_ms: float = 0.0

    @property
    def p95_ms(self) -> float:
        """What one in twenty takes longer than."""
        return sorted(self.took_ms)[int(len(self.took_ms) * 0.95)]

    @property
    def is_good(self) -> bool:
        """Whether it is quick, and is there at all."""
        return self.p95_ms <= _MOST_MS and self.statuses <= {200, 303}


def filled(path: str, full_name: str, files: Files, number: int) -> str:
    """Return the address of a page about one pull request of many, one of its jobs, one build. Raises KeyError."""
    owner, _, repo = full_name.partition("/")
    step = 2 if "evaluation" in path else 1  # the job that evaluated it, or the one that generated
    values = {
        "owner": owner,
        "repo": repo,
        "number": str(number),
        "job": str(len(KINDS) * (number - 1) + step + 1),
        "build": str(1 + number % BUILDS),
        "sha256": files.samples.sha256,
        "name": files.samples.name,
        "delivery": str(30_000 - number % 100),
        "night": (datetime.now(UTC) - timedelta(days=number % BUILDS)).date().isoformat(),
    }
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], path)


class Reader:
    """A maintainer's browser without a cache."""

    def __init__(self, http: aiohttp.ClientSession, address: str, pid: int, full_name: str, files: Files) -> None:
        self._http = http
        self._address = address
        self._pid = pid
        self._full_name = full_name
        self._files = files
        self._asked = 0

    def _path(self, page: str) -> str:
        """Return an address of a page: about open pull requests and merged ones, whose jobs have left something."""
        self._asked += 1
        of_late = PULLS - 100 - self._asked % (OPEN_PULLS - 150)
        number = of_late if self._asked % 2 else PULLS - OPEN_PULLS - self._asked * 37 % _LOGS_KEPT
        while any((len(KINDS) * (number - 1) + step) % FAILS_EACH == 0 for step in range(1, len(KINDS) + 1)):
            number -= 1
        return filled(page, self._full_name, self._files, number)

    async def opens(self, path: str) -> tuple[int, int]:
        """Return status and size as it was sent."""
        async with self._http.get(urljoin(self._address, path), allow_redirects=False) as answer:
            return answer.status, len(await answer.read())

    async def asks_all(self, pages: list[str]) -> list[Measured]:
        """Ask every page in turn, at the rate, each as often as there are rounds."""
        found = {page: Measured(page) for page in pages}
        began = time.perf_counter()

        async def one(place: int, page: str) -> None:
            due = began + place / _RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            status, size = await self.opens(self._path(page))
            mine = found[page]
            mine.took_ms.append(1000 * (time.perf_counter() - due))
            mine.statuses.add(status)
            mine.size = max(mine.size, size)

        turns = [page for _ in range(_ROUNDS) for page in pages]
        await asyncio.gather(*(one(place, page) for place, page in enumerate(turns)))
        return list(found.values())

    async def weighs(self, page: Measured) -> None:
        """Find out how much of the processor one answer takes, whatever else the machine does."""
        before = _cpu_s(self._pid)
        for _ in range(_ALONE):
            await self.opens(self._path(page.path))
        page.cpu_ms = 1000 * (_cpu_s(self._pid) - before) / _ALONE

    async def overview_bytes(self) -> tuple[int, int]:
        """Return what a browser receives for the overview, and for all that it brings along."""
        path = f"/r/{self._full_name}"
        async with self._http.get(urljoin(self._address, path), headers={"Accept-Encoding": "gzip"}) as answer:
            sent, html = int(answer.headers["Content-Length"]), await answer.text()
        total = sent
        for link in set(_STATIC.findall(html)):
            async with self._http.get(urljoin(self._address, link), headers={"Accept-Encoding": "gzip"}) as answer:
                total += int(answer.headers["Content-Length"])
        return sent, total


def _cpu_s(pid: int) -> float:
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / _TICKS


def pages() -> list[str]:
    """Return the paths of all pages but streams, which have no end."""
    return [one.path for one in all_pages() if isinstance(one, Page) and not one.path.endswith("/stream")]


async def measure(name: str, url: str, folder: Path) -> bool:
    """Fill, ask, print. Return whether everything is quick enough."""
    engine = open_engine(url)
    await migrate(engine)
    async with Simulator(webhook_secret=_SECRET) as github:
        repo = github.create_repository("instruct/taxonomy", {"README.md": "# Taxonomy\n"})
        github.state.account(_WHO)
        repo.permissions[_WHO] = "maintain"
        store = ArtifactStore(str(folder / "artifacts"))
        files, began = store_files(store), time.perf_counter()
        installation = next(iter(github.state.installations))
        await fill(engine, Place(repo.id, repo.full_name, installation), files)
        what, took_s = f"{PULLS:,} pull requests, {JOBS:,} jobs, {BUILDS} builds", time.perf_counter() - began
        print(f"{name}: {what}, written in {took_s:.0f} s", flush=True)
        now = datetime.now(UTC)
        who = github.state.account(_WHO)
        session = Session(who.id, Login(_WHO), "c" * 43, now, now + timedelta(hours=1))
        await SessionStore(engine).begin(_TOKEN, session)
        await engine.dispose()
        port = free_port()
        settings = {
            "app_id": str(github.state.app.id),
            "private_key": github.private_key_pem,
            "webhook_secrets": _SECRET,
            "repositories": str(repo.id),
            "database_url": url,
            "port": str(port),
            "public_url": f"http://127.0.0.1:{port}",
            "github_api_url": github.url,
            "github_web_url": github.url,
            "oauth_client_id": CLIENT_ID,
            "oauth_client_secret": CLIENT_SECRET,
            "artifacts_url": str(folder / "artifacts"),
            "model_store_url": str(folder / "models"),
            "sweep_minutes": "0",
            "nightly": "false",
            "student_url": "http://127.0.0.1:9/v1",
            "build_url": "http://127.0.0.1:9/v1",
        }
        async with served_process(folder, settings, prefix=("taskset", "-c", _CORE)) as (pid, address):
            cookies = {"session": _TOKEN}
            async with aiohttp.ClientSession(cookies=cookies, cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
                return await _asked(Reader(http, address, pid, repo.full_name, files))


async def _asked(reader: Reader) -> bool:
    for page in pages():
        measured = Measured(page)
        await reader.weighs(measured)  # once beforehand: what is found out once is found out by then
    found = await reader.asks_all(pages())
    for page in found:
        await reader.weighs(page)
    sent, total = await reader.overview_bytes()
    print(f"  {'page':62} {'p50 ms':>7} {'p95 ms':>7} {'cpu ms':>7} {'bytes':>8}  answers")
    for page in found:
        statuses = " ".join(map(str, sorted(page.statuses)))
        mark = "" if page.is_good else "  <-- too slow" if page.p95_ms > _MOST_MS else "  <-- not there"
        p50 = statistics.median(page.took_ms)
        print(f"  {page.path:62} {p50:7.1f} {page.p95_ms:7.1f} {page.cpu_ms:7.1f} {page.size:8,}  {statuses}{mark}")
    slow = sum(not page.is_good for page in found)
    print(f"  the overview: {sent:,} bytes, {total:,} with all that it brings along (target {_MOST_BYTES:,})")
    print(
        f"  {len(found)} pages, {slow} of them not within {_MOST_MS:.0f} ms; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    return not slow and total <= _MOST_BYTES


@contextmanager
def _databases(folder: Path) -> Iterator[dict[str, str]]:
    server = PostgresServer()
    try:
        with server.unbuilt() as postgres:
            yield {"SQLite": f"sqlite+aiosqlite:///{folder / 'bot.sqlite'}", "PostgreSQL": postgres}
    finally:
        server.stop()


def main() -> int:
    """Measure both; with a name as argument, one of them. Returns the exit status."""
    good = defaultdict(bool)
    with tempfile.TemporaryDirectory(prefix="pages-speed-") as place, _databases(Path(place)) as known:
        for name, url in known.items():
            if len(sys.argv) > 1 and sys.argv[1].casefold() != name.casefold():
                continue
            folder = Path(place, name)
            folder.mkdir()
            good[name] = asyncio.run(measure(name, url, folder))
    return 0 if all(good.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
