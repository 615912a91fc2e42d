"""The stage of the verdict benchmark: a simulated GitHub, the served bot, and a stopwatch for each pull request."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from benchmarks.served_bot import served_bot
from benchmarks.taxonomies import leaf_files, taxonomy_files
from bot.simulator import Delivery, Limits, Pull, Repository, Simulator
from bot.simulator.server import RequestRecord, ResponseRecord

SECRET = "a secret of the benchmark"
_CHECKS_EXPECTED = 3
_LONGEST_S = 90.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """How fast the bot may write; GitHub's limits on the other side are set to the same."""

    burst: int
    per_minute: int
    per_hour: int

    def __str__(self) -> str:
        return f"burst {self.burst:,}, {self.per_minute:,} a minute, {self.per_hour:,} an hour"


WIDE_OPEN = Bucket(1_000_000, 1_000_000, 1_000_000)
DEFAULT = Bucket(60, 80, 500)


@dataclass(slots=True)
class Stopwatch:
    """Times one pull request, from the moment its webhook is sent until its whole verdict is posted."""

    pull: Pull
    opened: Delivery
    sent_s: float = 0.0
    posted_s: float = 0.0
    posted: asyncio.Event = field(default_factory=asyncio.Event)

    def look(self) -> None:
        """Stop when all three check runs, the labels and the comment are there."""
        checks = self.pull.repo.check_runs(self.pull.head_sha)
        has_comment = any(comment.by_app for comment in self.pull.comments)
        if len(checks) >= _CHECKS_EXPECTED and self.pull.labels and has_comment:
            self.posted_s = time.perf_counter()
            self.posted.set()

    @property
    def took_s(self) -> float:
        """Delivery to posted verdict."""
        return self.posted_s - self.sent_s


class Stage:
    """Opens pull requests of two files each, and notes how long verdicts and webhook answers take."""

    def __init__(self, github: Simulator, repo: Repository, webhooks: str, session: aiohttp.ClientSession) -> None:
        self._github = github
        self._repo = repo
        self._webhooks = webhooks
        self._session = session
        self._running: list[Stopwatch] = []
        self._sending: set[asyncio.Task[None]] = set()
        self.answers_s: list[float] = []
        self.refused_answers = 0
        github.observers.append(self._look)
        github.delivery_observers.append(self._tell_at_once)

    async def opens(self, count: int) -> list[float]:
        """Open `count` pull requests, send their webhooks together, and return how long each verdict took."""
        watches = [await self._prepare() for _ in range(count)]
        self._running = list(watches)
        for watch in watches:
            watch.sent_s = time.perf_counter()
            self._send(watch.opened)
        async with asyncio.timeout(_LONGEST_S):
            await asyncio.gather(*(watch.posted.wait() for watch in watches))
            while self._sending:
                await asyncio.gather(*self._sending)
        await asyncio.sleep(0.1)  # the bot puts its own books in order
        return [watch.took_s for watch in watches]

    def calls(self) -> tuple[int, int]:
        """Return how many requests the bot has sent so far: reads, writes."""
        writes = sum(line.is_write for line in self._github.requests)
        return len(self._github.requests) - writes, writes

    async def _prepare(self) -> Stopwatch:
        """Open a pull request whose webhook is held back. Every other one lacks its sign-off."""
        number = len(self._repo.pulls) + 1
        author = f"ana-{number}"
        files = leaf_files(f"knowledge/science/birds/kingfisher_{number}", author, f"kingfisher {number}")
        pull = await self._github.open_pull(self._repo, author=author, files=files, sign_off=number % 2 == 0)
        return Stopwatch(pull, self._github.deliveries[-1])

    def _tell_at_once(self, delivery: Delivery) -> None:
        """Send what the bot's own writes lead to, as GitHub does; openings are held back for the start."""
        if delivery.action != "opened":
            self._send(delivery)

    def _send(self, delivery: Delivery) -> None:
        task = asyncio.get_running_loop().create_task(self._post(delivery))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _post(self, delivery: Delivery) -> None:
        started = time.perf_counter()
        try:
            async with self._session.post(self._webhooks, data=delivery.body, headers=delivery.headers) as response:
                await response.read()
        except aiohttp.ClientConnectionError:  # the bot has gone: all is measured
            return
        self.answers_s.append(time.perf_counter() - started)
        self.refused_answers += not response.ok

    def _look(self, request: RequestRecord, _response: ResponseRecord) -> None:
        if request.method != "GET":
            for watch in self._running:
                watch.look()
            self._running = [watch for watch in self._running if not watch.posted.is_set()]


@contextlib.asynccontextmanager
async def stage(bucket: Bucket) -> AsyncIterator[Stage]:
    """Start a GitHub with a taxonomy in this process and the bot in its own, both fresh."""
    limits = Limits(None, bucket.per_minute, bucket.per_hour)
    github = Simulator(webhook_secret=SECRET, limits=limits)
    repo = github.create_repository("birds/taxonomy", taxonomy_files())
    with tempfile.TemporaryDirectory(prefix="verdict-latency-") as folder:
        async with github, aiohttp.ClientSession() as session:
            settings = {
                "app_id": str(github.state.app.id),
                "private_key": github.private_key_pem,
                "webhook_secrets": SECRET,
                "repositories": str(repo.id),
                "github_api_url": github.url,
                "write_burst": str(bucket.burst),
                "writes_per_minute": str(bucket.per_minute),
                "writes_per_hour": str(bucket.per_hour),
            }
            async with served_bot(Path(folder), settings) as webhooks:
                yield Stage(github, repo, webhooks, session)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of `values` do not exceed, by the nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 100) * len(ordered) // 100) - 1)]
