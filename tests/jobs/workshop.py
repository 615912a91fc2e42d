"""The whole workshop for a test: database, real Redis, the bot's engine, a model server, workers as processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.budgets import Budget
from bot.clock import SystemClock
from bot.job_engine import JobEngine
from bot.job_flow import Patience
from bot.job_inputs import Material
from bot.job_leases import Leases, Terms
from bot.job_mail import JobMail
from bot.job_sender import JobSender
from bot.jobs import Job, JobKind, JobRequest, JobState
from bot.store.database import migrate, open_engine
from bot.store.jobs import JobStore
from bot.store.pull_requests import PullMemory, PullRequestStore
from bot.store.stored_jobs import StoredJob
from bot.store.switches import GPU_PAUSED, Switches
from checks.contribution import Login, Sha
from pipeline.artifacts import ArtifactStore
from pipeline.contract import broker_address
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.jobs.model_server import ModelServer
from tests.jobs.redis_server import RedisServer

REPOSITORY, NUMBER = 1, 12
HEAD = Sha("c0ffee" + "0" * 34)


class Workshop:
    """Use it as an async context manager."""

    def __init__(
        self,
        folder: Path,
        *,
        heartbeat_s: float = 0.5,
        silent_s: float = 3.0,
        resend_s: float = 2.0,
        broker: str = "",
    ) -> None:
        """`broker` is an address other than that of a Redis of its own."""
        self.folder = folder
        self.redis = RedisServer(folder)
        self.broker_url = broker or self.redis.url
        self.model = ModelServer()
        self.artifacts = ArtifactStore(str(folder / "artifacts"))
        self.changes: list[tuple[StoredJob, StoredJob]] = []
        patience = Patience(timedelta(seconds=silent_s), 2, timedelta(seconds=0.2))
        limits = {kind: timedelta(seconds=60) for kind in JobKind}
        self.terms = Terms(limits, patience, heartbeat_s, timedelta(seconds=resend_s))
        self.clock = SystemClock()
        self.budget = Budget()
        self._workers: list[subprocess.Popen[bytes]] = []
        self._asked = 0
        self._database: AsyncEngine | None = None

    async def __aenter__(self) -> Self:
        if self.broker_url == self.redis.url:
            self.redis.start()
        await self.model.start()
        await self.open_bot()
        await self.memories.save(
            PullMemory(REPOSITORY, NUMBER, head_sha=HEAD, flags="precheck-generate-ready"), self.clock.now()
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.kill()
            worker.wait()
        await self.close_bot()
        await self.model.stop()
        self.redis.stop()

    async def open_bot(self) -> None:
        "Start the bot's side, with the database as it is."
        self._database = open_engine(f"sqlite+aiosqlite:///{self.folder / 'bot.sqlite'}")
        await migrate(self._database)
        self.store, self.memories = JobStore(self._database), PullRequestStore(self._database)
        self.mail = JobMail(
            broker_address(self.broker_url), deaf_after_s=self.terms.patience.heartbeat.total_seconds() / 2
        )
        switches = Switches(self._database)

        async def note(before: StoredJob, after: StoredJob) -> None:
            self.changes.append((before, after))

        def wake() -> None:
            self.sender.wake()

        self.engine = JobEngine(self.store, self.mail, self.budget, self.clock, wake, note)
        secret = SecretStr("the webhook secret of the tests")
        self.leases = Leases(
            self.engine, self.store, self.memories, self.mail, self.terms, secret, self.clock, wake, note
        )
        self.sender = JobSender(
            self.store,
            self.leases,
            self.mail,
            self.terms,
            self.clock,
            lambda job: self.inputs(job),
            self.engine.end_one,
            self.budget,
            lambda: switches.is_on(GPU_PAUSED),
        )
        self.mail.start(self.leases.receive)
        self.sender.start()

    async def close_bot(self) -> None:
        "Stop the bot's side as a restart would."
        await self.sender.stop()
        await self.mail.stop()
        assert self._database is not None
        await self._database.dispose()

    async def inputs(self, job: StoredJob) -> Material:
        "What a job is given: the files of one skill."
        files = json.dumps({SKILL_PATH: a_skill()})
        return Material(
            {"contribution": self.artifacts.put("contribution.json", files.encode(), "application/json")}
        )

    def starts_a_worker(
        self, name: str = "worker", environment: dict[str, str] | None = None, **settings: str
    ) -> subprocess.Popen[bytes]:
        "Start a worker as a process of its own."
        values = {
            "BROKER_URL": self.broker_url,
            "ARTIFACTS_URL": str(self.folder / "artifacts"),
            "WORKER_NAME": name,
            "RUNTIME_DIR": str(self.folder / "run"),
            "WORK_DIR": str(self.folder / f"work-{name}"),
            "TEACHER_URL": self.model.url,
            "TEACHER_MODEL": "tiny",
            "HELLO_S": "0.5",
            "RESEND_S": "0.5",
            "LEASE_WAIT_S": "1",
        } | settings
        set_for_it = {f"TAXONOMY_PIPELINE_{key}": value for key, value in values.items()}
        program = Path(sys.executable).with_name("taxonomy-pipeline")
        with (self.folder / f"{name}.log").open("ab") as log:
            worker = subprocess.Popen(
                [program, "worker"], env=os.environ | set_for_it | (environment or {}), stdout=log, stderr=log
            )
        self._workers.append(worker)
        return worker

    async def asks_for(self, kind: JobKind = JobKind.PRECHECK) -> Job:
        "A triager asks for a job."
        self._asked += 1
        source = f"comment:{self._asked}:1"
        request = JobRequest(REPOSITORY, NUMBER, kind, HEAD, 7, Login("tess"), source)
        return await self.engine.submit(request, self.clock.now())

    async def until(self, holds: Callable[[StoredJob], bool], job: Job, within_s: float = 30.0) -> StoredJob:
        "Wait until something holds of a job."
        seen = None
        async with asyncio.timeout(within_s):
            while seen is None or not holds(seen):
                await asyncio.sleep(0.05)  # each look costs the workers some of their time
                seen = await self.store.get(job.id)
        return seen

    async def ends(self, job: Job, within_s: float = 30.0) -> StoredJob:
        "Wait until a job is over."
        return await self.until(lambda seen: seen.life.state.is_over, job, within_s)

    async def sends(self, job: Job) -> StoredJob:
        "Wait until a job's message went to the broker."
        return await self.until(lambda seen: seen.sent_at is not None, job)

    async def runs(self, job: Job) -> StoredJob:
        "Wait until a job runs."
        return await self.until(lambda seen: seen.life.state is JobState.RUNNING, job)

    async def hears_of(self, worker: str, within_s: float = 20.0) -> None:
        "Wait until a worker has said hello."
        async with asyncio.timeout(within_s):
            while worker not in self.leases.workers:
                await asyncio.sleep(0.02)

    @staticmethod
    def tells_to_go(worker: subprocess.Popen[bytes]) -> None:
        "Ask a worker to go, as an orchestrator does."
        worker.send_signal(signal.SIGTERM)
