"""Where jobs of a world are done: its real queue, with workers that the story plays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from bot.job_line import PULL_REQUEST_PRIORITY
from bot.jobs import JobKind, JobRequest
from bot.store.artifacts import ArtifactRows, KeptArtifact
from bot.store.pull_requests import PullRequestStore
from bot.store.stored_jobs import StoredJob
from checks.contribution import Login, Sha
from pipeline.contract import Artifact, Ending, JobReport, LeaseAnswer, LogLevel, LogLine, Outcome, Progress
from tests.jobs.sending_room import HEAD, SendingRoom
from tests.world import World


@dataclass
class Work:
    "An attempt that a worker of the story has."

    floor: ShopFloor
    job_id: int
    lease: LeaseAnswer
    worker: str
    sequence: int = 0

    async def tells(
        self,
        *lines: str,
        share: float | None = None,
        stage: str = "",
        sequence: int = 0,
        outcome: Outcome | None = None,
    ) -> None:
        "Report lines, progress or the end; out of turn with a `sequence`."
        self.sequence = max(self.sequence, sequence) if sequence else self.sequence + 1
        log = tuple(LogLine(float(number), LogLevel.INFO, line) for number, line in enumerate(lines))
        progress = Progress(share, stage) if share is not None else None
        attempt, secret, number = self.lease.attempt, self.lease.secret, sequence or self.sequence
        report = JobReport(self.job_id, attempt, self.worker, number, secret, progress, log, outcome)
        await self.floor.leases.receive(report)

    async def ends(self, ending: Ending = Ending.SUCCEEDED, message: str = "", *lines: str) -> None:
        "Report the end."
        await self.tells(*lines, outcome=Outcome(ending, message, run_s=60.0))


class ShopFloor(SendingRoom):
    "The bot's side of jobs, on the database of a world."

    async def asks(
        self, repository_id: int, number: int, kind: JobKind = JobKind.PRECHECK, head: str = HEAD, build_id: int = 0
    ) -> StoredJob:
        "Queue a job, as a command does that was let through."
        self._asked += 1
        request = JobRequest(
            repository_id,
            number,
            kind,
            Sha(head),
            7,
            Login("tess"),
            f"comment:{self._asked}:1",
            build_id=build_id,
            step=f"{kind}/1" if build_id else "",
        )
        job = await self.engine.submit(request, self.clock.now(), PULL_REQUEST_PRIORITY)
        return await self.at(job.id)

    async def at(self, job_id: int) -> StoredJob:
        "A job as it stands."
        found = await self.store.get(job_id)
        assert found is not None
        return found

    async def notes_files(self, job_id: int, *files: Artifact) -> None:
        "Let files of a job be known, as the board does once it has shown it."
        request = (await self.at(job_id)).request
        now = self.clock.now()
        kept = [KeptArtifact(request.repository_id, request.number, file, now, job_id) for file in files]
        await ArtifactRows(self._database).note(kept)

    async def takes(self, job_id: int, worker: str = "gpu-1") -> Work:
        "A worker takes a job; a triager has let it through."
        job = await self.at(job_id)
        memories = PullRequestStore(self._database)
        memory = await memories.get(job.request.repository_id, job.request.number)
        if memory is not None and "precheck-generate-ready" not in memory.flags:
            flags = f"{memory.flags} precheck-generate-ready".strip()
            await memories.save(replace(memory, flags=flags), self.clock.now())
        await self.says_hello(worker)
        await self.sends()
        lease = await self.begins(job_id, worker)
        assert lease.is_granted, lease.reason
        return Work(self, job_id, lease, worker)


@asynccontextmanager
async def shop_floor(world: World, database_url: str) -> AsyncIterator[ShopFloor]:
    "Open the shop before the world begins: its bot queues there."
    async with ShopFloor(database_url=database_url, clock=world.clock) as floor:
        world.queue = floor.engine
        yield floor
