"""Where it happens: a simulated GitHub and a model server here, the bot, Redis and the workers as processes."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

import aiohttp
import redis
import yaml

from benchmarks.webhook_servers import free_port
from bot.simulator import Limits, Pull, Simulator
from tests.chaos.ledger import Ledger, Row
from tests.chaos.processes import Program
from tests.checks.contributions import a_skill, attribution
from tests.jobs.model_server import ModelServer
from tests.jobs.redis_server import RedisServer

QUESTIONS = 5  # of each pull request
PATIENCE_S = 90.0  # for anything that has to come about: the machine may be busy
SILENCE_S, RESEND_S, RETRY_PAUSE_S = 2.0, 3.0, 0.5
_SECRET = "a secret of the chaos"
_MANY = 1_000_000


class Arena:
    """Use it as an async context manager; afterwards nothing of it is left, unless its files are to be kept."""

    def __init__(self, random: Random, *, redelivery_s: float = 3600.0, keeps_files: bool = False) -> None:
        self.random = random
        self.folder = Path(tempfile.mkdtemp(prefix="chaos-"))
        self.redis = RedisServer(self.folder)
        self.model = ModelServer()
        self.github = Simulator(webhook_secret=_SECRET, limits=Limits(None, _MANY, _MANY))
        self.repo = self.github.create_repository("birds/taxonomy", {"README.md": "# Our taxonomy\n"})
        self.repo.permissions["tess"] = "triage"
        self.pulls: list[Pull] = []
        self.workers: list[Program] = []
        self._redelivery_s = redelivery_s
        self._keeps_files = keeps_files
        self._port = free_port()
        self._worker_names: dict[int, str] = {}

    async def __aenter__(self) -> Self:
        self.redis.start()
        await self.model.start()
        await self.github.start()
        await self.starts_the_bot()
        self.ledger = Ledger(self.folder / "bot.sqlite", self.github, self.repo)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.send_workers_home()
        await self.bot.is_told_to_go()
        await self.github.stop()
        await self.model.stop()
        self.redis.stop()
        self.ledger.close()
        if not self._keeps_files:
            shutil.rmtree(self.folder)

    async def starts_the_bot(self, *, skew_s: float = 0.0) -> None:
        "Start `taxonomy-bot serve`, with the database as it is, and wait until it takes webhooks."
        settings = {
            "APP_ID": str(self.github.state.app.id),
            "PRIVATE_KEY": self.github.private_key_pem,
            "WEBHOOK_SECRETS": _SECRET,
            "REPOSITORIES": str(self.repo.id),
            "START_IN": "adopted",
            "GITHUB_API_URL": self.github.url,
            "DATABASE_URL": f"sqlite+aiosqlite:///{self.folder / 'bot.sqlite'}",
            "BROKER_URL": self.redis.url,
            "BROKER_REDELIVERY_S": str(self._redelivery_s),
            "PORT": str(self._port),
            "LOG_FORMAT": "json",
            "RULE_WORKERS": "1",
            "RULE_TIME_LIMIT_S": "60",
            "WORKER_SILENCE_S": str(SILENCE_S),
            "JOB_RESEND_S": str(RESEND_S),
            "JOB_RETRY_PAUSE_S": str(RETRY_PAUSE_S),
            "JOB_RETRIES": "10",
            "JOB_TIME_LIMIT_S": "300",
            **dict.fromkeys(("WRITE_BURST", "WRITES_PER_MINUTE", "WRITES_PER_HOUR"), str(_MANY)),
            **dict.fromkeys(("JOBS_PER_PULL", "JOBS_PER_AUTHOR_AND_DAY", "JOBS_WAITING"), str(_MANY)),
        }
        variables = {f"TAXONOMY_BOT_{name}": value for name, value in settings.items()}
        self.bot = Program("taxonomy-bot", "serve", variables, self.folder / "bot.log", skew_s=skew_s)
        async with asyncio.timeout(PATIENCE_S), aiohttp.ClientSession() as session:
            while not await _is_ready(session, f"http://127.0.0.1:{self._port}/readyz"):
                if not self.bot.is_alive:
                    raise RuntimeError(f"the bot did not start:\n{self.bot_log()[-2000:]}")
                await asyncio.sleep(0.1)
        self.github.webhook_url = f"http://127.0.0.1:{self._port}/webhooks"

    def starts_a_worker(self, *, skew_s: float = 0.0) -> Program:
        "Start a worker; all share one folder for their work, as on one machine."
        name = f"worker-{len(self._worker_names) + 1}"
        settings = {
            "BROKER_URL": self.redis.url,
            "BROKER_REDELIVERY_S": str(self._redelivery_s),
            "ARTIFACTS_URL": str(self.folder / "taxonomy-bot-artifacts"),
            "QUEUES": "cpu",
            "WORKER_NAME": name,
            "WORK_DIR": str(self.folder / "work"),
            "TEACHER_URL": self.model.url,
            "TEACHER_MODEL": "tiny",
            "HELLO_S": "0.5",
            "RESEND_S": "0.5",
            "LEASE_WAIT_S": "1",
            "LOG_FORMAT": "json",
        }
        variables = {f"TAXONOMY_PIPELINE_{key}": value for key, value in settings.items()}
        worker = Program("taxonomy-pipeline", "worker", variables, self.folder / f"{name}.log", skew_s=skew_s)
        self._worker_names[worker.pid] = name
        self.workers.append(worker)
        return worker

    async def is_ready(self, worker: Program) -> None:
        "Wait until a worker takes jobs."
        async with asyncio.timeout(PATIENCE_S):
            while "worker.ready" not in self.log_of(worker):
                if not worker.is_alive:
                    raise RuntimeError(f"a worker did not start:\n{self.log_of(worker)[-2000:]}")
                await asyncio.sleep(0.05)

    async def send_workers_home(self) -> None:
        "Tell every worker to go, and wait until it has."
        await asyncio.gather(*(worker.is_told_to_go() for worker in self.workers))
        self.workers.clear()

    async def opens_pull(self) -> Pull:
        "Ana opens a pull request with questions that no other has; its checks pass."
        number = self.repo.next_number
        path = f"compositional_skills/writing/freeform/shorten_{number}"
        files = {f"{path}/qna.yaml": _questions(number), f"{path}/attribution.txt": attribution()}
        pull = await self.github.open_pull(self.repo, author="ana", files=files)
        await self.until(lambda: bool(pull.labels))
        self.pulls.append(pull)
        return pull

    async def asks_for_a_job(self, pull: Pull) -> Row:
        "Tess asks for a precheck of what is there; return the job once it is queued."
        await self.github.comment(pull, "tess", f"/precheck {pull.head_sha}")
        await self.until(lambda: self.ledger.job_of(pull.number) is not None)
        return self.job(pull)

    def job(self, pull: Pull) -> Row:
        "Return the job of a pull request as it is now."
        job = self.ledger.job_of(pull.number)
        assert job is not None, f"nothing was queued for pull request {pull.number}"
        return job

    async def until(self, holds: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
        "Wait until something holds. Raises TimeoutError."
        async with asyncio.timeout(within_s):
            while not holds():
                await asyncio.sleep(0.005)

    async def is_over(self, pull: Pull) -> None:
        "Wait until the job of a pull request is over, and GitHub shows it."
        try:
            await self.until(lambda: (job := self.job(pull)).state.is_over and job.is_shown)
        except TimeoutError:
            raise TimeoutError(f"{self.job(pull)} has no end after {PATIENCE_S:.0f} s ({self.folder})") from None

    async def pauses(self, most_s: float) -> None:
        "Let a random time pass."
        await asyncio.sleep(self.random.uniform(0, most_s))

    def asked(self, pull: Pull) -> int:
        "Return how many questions of a pull request the model was asked so far."
        mark = _mark(pull.number)
        return sum(mark in body["messages"][0]["content"] for body in self.model.asked)

    def copy_the_message(self, times: int) -> int:
        "Put copies of the messages that wait in the broker beside them; return how many there are then."
        client = redis.Redis(unix_socket_path=str(self.redis.socket))
        for raw in client.lrange("cpu", 0, -1):
            for _ in range(times):
                copy = json.loads(raw)
                copy["properties"]["delivery_tag"] = f"copy-{self.random.getrandbits(64):x}"
                client.lpush("cpu", json.dumps(copy))
        return int(client.llen("cpu"))

    def waiting_messages(self) -> list[bytes]:
        "Return the messages of jobs that lie in the broker."
        return list(redis.Redis(unix_socket_path=str(self.redis.socket)).lrange("cpu", 0, -1))

    def put_back(self, messages: list[bytes]) -> None:
        "Put messages into the broker that were there before."
        redis.Redis(unix_socket_path=str(self.redis.socket)).lpush("cpu", *messages)

    def bot_log(self) -> str:
        "Return what the bot has logged."
        return (self.folder / "bot.log").read_text(errors="replace")

    def refused_leases(self) -> int:
        "Return how many times a worker asked for a lease that it did not get."
        lines = [json.loads(line) for line in self.bot_log().splitlines() if '"jobs.lease"' in line]
        return sum(bool(line["refused"]) for line in lines)

    def log_of(self, worker: Program) -> str:
        "Return what a worker has logged."
        return (self.folder / f"{self._worker_names[worker.pid]}.log").read_text(errors="replace")

    @staticmethod
    def clock_skew_s(log: str) -> float:
        "Return how far ahead the clock is that a log was last written by; it may be some seconds old."
        lines = [line for line in log.splitlines() if line.startswith("{")]
        return (datetime.fromisoformat(json.loads(lines[-1])["timestamp"]) - datetime.now(UTC)).total_seconds()

    def left_folders(self) -> list[str]:
        "Return what is left in the workers' folder: of jobs, and reports that nobody has confirmed."
        return [
            str(path.relative_to(self.folder)) for path in (self.folder / "work").rglob("*") if path.is_file()
        ] + [path.name for path in (self.folder / "work").glob("job-*")]


async def _is_ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.ok
    except aiohttp.ClientError:
        return False


def _mark(number: int) -> str:
    return f"Of field book {number:04d}:"


def _questions(number: int) -> str:
    leaf = yaml.safe_load(a_skill(seed_examples=QUESTIONS))
    for seed in leaf["seed_examples"]:
        seed["question"] = f"{_mark(number)} {seed['question']}"
    return a_skill(seed_examples=leaf["seed_examples"])
