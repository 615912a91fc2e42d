"""Five hundred people watch the logs of five jobs: no line is missed, and the bot stays small."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import psutil  # type: ignore[import-untyped]
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.served_bot import served_bot
from bot.clock import SystemClock
from bot.events import Origin
from bot.job_flow import Life, ended, granted
from bot.jobs import JobKind, JobRequest, JobState
from bot.simulator import Repository, Simulator
from bot.simulator.signing_in import CLIENT_ID, CLIENT_SECRET
from bot.store.database import migrate, open_engine
from bot.store.job_logs import LogPart
from bot.store.jobs import JobStore
from bot.store.repositories import RepositoryStore
from bot.store.sessions import Session, SessionStore
from bot.store.stored_jobs import StoredJob
from checks.contribution import Login, Sha
from pipeline.contract import Progress

STREAMS, TARGET_MB = 500, 200
_JOBS, _REPORTS, _LINES = 5, 100, 4
_PEOPLE = 25  # who watch: nobody may have all places
_PAUSE_S = 0.2  # between two reports of a job
_SECRET, _TOKEN = "the webhook secret of the benchmark", "the-session-of-the-benchmark"


@dataclass
class Watcher:
    """One browser: which lines it got, and how it ended."""

    job: int
    person: int
    lines: list[int] = field(default_factory=list)
    last_id: str = ""
    is_over: bool = False
    times_cut: int = 0

    async def watch(self, http: aiohttp.ClientSession, url: str) -> None:
        """Watch until the job is over, coming again whenever it is cut off."""
        while not self.is_over:
            headers = _cookie_of(self.person) | ({"Last-Event-ID": self.last_id} if self.last_id else {})
            try:
                async with http.get(url, headers=headers) as answer:
                    answer.raise_for_status()
                    async for event in _events(answer.content):
                        self._take(event)
            except aiohttp.ClientPayloadError:
                pass
            self.times_cut += not self.is_over

    def _take(self, event: str) -> None:
        fields = dict(line.split(": ", 1) for line in event.split("\n") if not line.startswith(":"))
        self.last_id = fields.get("id", self.last_id)
        self.is_over = self.is_over or fields.get("event") == "over"
        if fields.get("event") == "lines":
            told = json.loads(fields["data"]).splitlines()
            self.lines += [int(line.rpartition(" ")[2]) for line in told if " line " in line]


async def _events(content: aiohttp.StreamReader) -> AsyncIterator[str]:
    pending = b""
    while chunk := await content.readany():
        *events, pending = (pending + chunk).split(b"\n\n")
        for event in events:
            yield event.decode()


@dataclass(frozen=True, slots=True)
class Measured:
    """What it came to. Memory of the process that serves, in MB of a million bytes."""

    streams: int
    before_mb: float
    peak_mb: float
    wrong: int
    cut: int
    took_s: float

    @property
    def is_met(self) -> bool:
        """True when no line was missed or came twice, and the process stayed as small as it should."""
        return not self.wrong and self.peak_mb <= TARGET_MB


async def measure(streams: int) -> Measured:
    """Have so many streams watched from a process beside the bot's."""
    async with Simulator(webhook_secret=_SECRET) as github:
        repo = github.create_repository("instruct/taxonomy", {"README.md": "# Taxonomy\n"})
        repo.permissions |= {f"tess{person}": "triage" for person in range(_PEOPLE)}
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite+aiosqlite:///{Path(folder) / 'bot.sqlite'}"
            engine = open_engine(url)
            await migrate(engine)
            jobs = await _prepare(engine, github, repo)
            async with served_bot(Path(folder), _settings(github, repo)) as webhooks:
                root = webhooks.removesuffix("/webhooks") + f"/r/{repo.full_name}/jobs"
                measured = await _watch(engine, jobs, root, streams)
            await engine.dispose()
    return measured


async def _prepare(engine: AsyncEngine, github: Simulator, repo: Repository) -> list[StoredJob]:
    """Let the bot know the repository, triagers who are signed in, and jobs that run."""
    clock = SystemClock()
    now = clock.now()
    installation = github.state.installation_for(repo.owner).id
    await RepositoryStore(engine, clock).note(Origin(repo.id, repo.full_name, installation))
    for person in range(_PEOPLE):
        login = f"tess{person}"
        session = Session(github.state.account(login).id, Login(login), "csrf", now, now + timedelta(hours=8))
        await SessionStore(engine).begin(f"{_TOKEN}-{person}", session)
    store, found = JobStore(engine), []
    for number in range(1, _JOBS + 1):
        request = JobRequest(
            repo.id, number, JobKind.GENERATE, Sha("c" * 40), 7, Login("tess"), f"comment:{number}:1"
        )
        job = await store.add(request, "gpu.sdg", 10, now)
        life = granted(job.life, 1, f"gpu-{number}", "secret", now, timedelta(hours=4), timedelta(0))

        def begun(seen: StoredJob, life: Life = life) -> StoredJob:
            return seen.living(life, now)

        await store.change(job.id, begun)
        found.append(job)
    return found


async def _watch(engine: AsyncEngine, jobs: list[StoredJob], root: str, streams: int) -> Measured:
    [bot] = [child for child in psutil.Process().children() if "serve" in child.cmdline()]
    watchers = [Watcher(jobs[number % len(jobs)].id, number % _PEOPLE) for number in range(streams)]
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    began = time.perf_counter()
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
        async with http.get(
            f"{root}/{jobs[0].id}", headers=_cookie_of(0)
        ) as page:  # what is loaded on the first page is not the streams'
            page.raise_for_status()
        before = bot.memory_info().rss
        seen = [before]
        peak = asyncio.create_task(_note_memory(bot, seen))
        watching = [asyncio.create_task(each.watch(http, f"{root}/{each.job}/log/stream")) for each in watchers]
        await asyncio.gather(*(_tell(JobStore(engine), job) for job in jobs))
        async with asyncio.timeout(120):
            await asyncio.gather(*watching)
        peak.cancel()
    whole = list(range(_REPORTS * _LINES))
    wrong = sum(each.lines != whole for each in watchers)
    took_s, cut = time.perf_counter() - began, sum(each.times_cut for each in watchers)
    return Measured(streams, before / 1e6, max(seen) / 1e6, wrong, cut, took_s)


def _cookie_of(person: int) -> dict[str, str]:
    return {"Cookie": f"__Host-session={_TOKEN}-{person}"}  # of a bot without a public address


async def _note_memory(process: psutil.Process, seen: list[int]) -> None:
    while True:
        seen.append(process.memory_info().rss)
        await asyncio.sleep(0.2)


async def _tell(store: JobStore, job: StoredJob) -> None:
    """Tell as a worker does: some lines with each report, and at last the end."""
    clock = SystemClock()
    for number in range(_REPORTS):
        lines = "\n".join(f"INFO leaf 12, kept 40 of 44 samples, line {number * _LINES + n}" for n in range(_LINES))
        part = LogPart(1, number + 1, clock.now(), lines)

        def on(seen: StoredJob, share: float = number / _REPORTS) -> StoredJob:
            return replace(seen, life=replace(seen.life, progress=Progress(share, "generating")))

        await store.change(job.id, on, part)
        await asyncio.sleep(_PAUSE_S)
    await store.change(job.id, lambda seen: seen.living(ended(seen.life, JobState.CANCELLED), clock.now()))


def _settings(github: Simulator, repo: Repository) -> dict[str, str]:
    return {
        "app_id": str(github.state.app.id),
        "private_key": github.private_key_pem,
        "webhook_secrets": _SECRET,
        "repositories": str(repo.id),
        "github_api_url": github.url,
        "github_web_url": github.url,
        "oauth_client_id": CLIENT_ID,
        "oauth_client_secret": CLIENT_SECRET,
        "broker_url": "off",
        "nightly": "false",
        "sweep_minutes": "0",
    }


def as_text(measured: Measured) -> Iterator[str]:
    """Yield the result for people."""
    yield (
        f"{measured.streams} streams of {_JOBS} jobs, {_REPORTS * _LINES} lines each, in {measured.took_s:.0f} s: "
        f"{measured.wrong} with a line missed or twice, {measured.cut} times cut off"
    )
    yield f"memory of the bot's process: {measured.before_mb:.0f} MB before, {measured.peak_mb:.0f} MB at most"
    yield f"Target {'met' if measured.is_met else 'MISSED'}: at most {TARGET_MB} MB, and no line missed."


def main() -> int:
    """Measure and print. Return 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=STREAMS)
    measured = asyncio.run(measure(parser.parse_args().streams))
    print("\n".join(as_text(measured)))
    return 0 if measured.is_met else 1


if __name__ == "__main__":
    sys.exit(main())
