"""Reports on builds in a world: builds that came to something, who reports them, and the operators' chat."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from pydantic import SecretStr

from bot.artifact_links import ArtifactLinks
from bot.jobs import JobKind, JobRequest, JobState, NoJobs
from bot.locks import PullLocks
from bot.nightly.builds import Build, BuildState
from bot.nightly.releases import Release
from bot.nightly.reporting import Reporting
from bot.policies import Policies
from bot.simulator.issues import Issue
from bot.store.jobs import JobStore
from bot.store.releases import ReleaseStore
from bot.store.stored_jobs import StoredJob
from bot.wiring import make_reporting, make_silence, open_github
from checks.contribution import Login, Sha
from pipeline.artifacts import ArtifactStore
from pipeline.build_orders import GATE, MIX
from pipeline.build_results import (
    Comparison,
    ContributionRow,
    GateResult,
    MixedData,
    MixResult,
    PackageResult,
)
from pipeline.contract import Ending, Message, Outcome, Queue
from tests.nightly.views import GATE as PASSED
from tests.nightly.views import HELD, MMLU, ROSE
from tests.world.nights import Nights, leaf_named
from tests.world.world import World

OUT = "it ran out of memory"
MIXED = MixResult({"skills": MixedData("skills.jsonl", "a" * 64, 900)}, questions=80)


@dataclass
class ChatRoom:
    """The operators' chat: what was posted to it, and how it answers."""

    texts: list[str] = field(default_factory=list)
    status: int = 200
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        "Take a message."
        assert request.content_type == "application/json"
        posted = json.loads(await request.text())
        assert list(posted) == ["text"]
        if self.status == 200:
            self.texts.append(posted["text"])
        return web.Response(status=self.status)


@contextlib.asynccontextmanager
async def a_chat() -> AsyncIterator[ChatRoom]:
    "Open a chat on loopback; its address ends in a secret."
    room, app = ChatRoom(), web.Application()
    app.router.add_post("/services/a-secret", room.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    room.url = f"http://127.0.0.1:{runner.addresses[0][1]}/services/a-secret"
    yield room
    await runner.cleanup()


@dataclass
class Newsroom:
    """A second process that reports, beside the bot of the world, and what it has to report."""

    nights: Nights
    reporting: Reporting
    artifacts: ArtifactStore
    chat: ChatRoom

    @property
    def world(self) -> World:
        "The world."
        return self.nights.world

    @property
    def issues(self) -> list[Issue]:
        "The issues that the bot has opened."
        return [issue for issue in self.world.repo.issues if issue.app is not None]

    @property
    def issue(self) -> Issue:
        "The one issue."
        [issue] = self.issues
        return issue

    async def looks(self) -> None:
        "Look once; the foreman is well."
        await self.reporting.watch.foreman_looked(await self.nights.known())
        await self.reporting.look()
        await self.world.settled()

    async def begins(self, night: date) -> Build:
        "Let the build of a night be planned and begin."
        nights = self.nights
        build = (await nights.desk.plan_night(await nights.known(), night)).build
        assert build is not None
        assert await nights.builds.begin(build, self.world.clock.now())
        begun = await nights.builds.get(build.id)
        assert begun is not None
        return begun

    async def ends(
        self,
        build: Build,
        state: BuildState,
        gate: GateResult | None,
        because: str = "",
        package: PackageResult | None = None,
    ) -> Build:
        "Let a build end after three hours, with what its steps have found out."
        await self.step(build, MIX, JobKind.MIX, MIXED)
        await self.world.clock.advance(hours=3)
        if gate is not None:
            await self.step(build, GATE, JobKind.GATE, gate)
        if state is BuildState.GOOD:
            package = package or PackageResult(build.name, "e" * 64, 1000, 3)
            await self.step(build, "package", JobKind.PACKAGE, package)
            await self.releases.add(build, package, self.world.clock.now())
        assert await self.nights.builds.end(build, state, self.world.clock.now(), because)
        ended = await self.nights.builds.get(build.id)
        assert ended is not None
        return ended

    async def step(
        self, build: Build, name: str, kind: JobKind, result: Message | None, state: JobState = JobState.SUCCEEDED
    ) -> None:
        "Let a step of a build come to something, after five minutes on a GPU."
        store, now = JobStore(self.nights.engine), self.world.clock.now()
        request = JobRequest(
            build.repository_id,
            0,
            kind,
            Sha(build.commit),
            0,
            Login("taxonomy-bot"),
            f"build:{build.name}:{name}"[:64],
            build_id=build.id,
            build_attempt=build.attempt,
            step=name,
        )
        job = await store.add(request, Queue.EVAL, 1, now)
        artifact = self.artifacts.put("result.json", result.to_json().encode()) if result else None
        outcome = Outcome(Ending.SUCCEEDED, result=artifact)

        def over(known: StoredJob) -> StoredJob:
            life = replace(known.life, state=state, outcome=outcome, message="" if result else OUT)
            return replace(known.living(life, now), gpu_s=300.0)

        assert await store.change(job.id, over)

    @property
    def releases(self) -> ReleaseStore:
        "What was published."
        return ReleaseStore(self.nights.engine)

    async def promote(self, build: Build) -> Release:
        "A maintainer promotes what a build has published."
        release = await self.releases.of_build(build)
        assert release is not None
        served = await self.releases.served(build.repository_id)
        assert await self.releases.promote(release, served, "max", self.world.clock.now())
        return release


def a_gate(*contributions: ContributionRow, **changes: Any) -> GateResult:
    "A gate that passed, with what it tells of contributions."
    gate = replace(PASSED, comparisons=(Comparison("2026-01-06.1", (MMLU,), (HELD,)),), contributions=contributions)
    return replace(gate, **changes)


def rows(numbers: Sequence[int], names: Sequence[str]) -> tuple[ContributionRow, ...]:
    "A contribution that rose for each pull request."
    return tuple(ContributionRow(n, (leaf_named(name),), ROSE) for n, name in zip(numbers, names, strict=True))


@contextlib.asynccontextmanager
async def a_newsroom(nights: Nights, folder: Path) -> AsyncIterator[Newsroom]:
    "Start the bot anew with a chat and a place for artifacts, and another process that reports."
    world = nights.world
    async with a_chat() as chat:
        await world.stop_bot()
        await world.start_bot(
            artifacts_url=str(folder / "artifacts"),
            nightly_webhook_url=SecretStr(chat.url),
            nightly_webhook_hosts=frozenset({"127.0.0.1"}),
        )
        await world.reporting.stop()  # whoever wants it reports by hand
        async with _a_process(nights, chat) as newsroom:
            yield newsroom


@contextlib.asynccontextmanager
async def a_second(newsroom: Newsroom) -> AsyncIterator[Newsroom]:
    "One more process that reports, with the settings of now."
    async with _a_process(newsroom.nights, newsroom.chat) as another:
        yield another


@contextlib.asynccontextmanager
async def _a_process(nights: Nights, chat: ChatRoom) -> AsyncIterator[Newsroom]:
    settings, clock = nights.world.settings, nights.world.clock
    links = ArtifactLinks(settings.webhook_secrets, settings.public_url, settings.artifact_link_s)
    async with aiohttp.ClientSession() as session:
        github, policies = (
            open_github(session, settings, clock, gate=make_silence(nights.engine, clock)),
            Policies(settings, clock),
        )
        reporting = make_reporting(
            github, settings, policies, nights.engine, session, clock, NoJobs(), links, PullLocks()
        )
        yield Newsroom(nights, reporting, ArtifactStore(settings.artifact_store_url), chat)
