"""Builds by hand, as an operator types it: begun, resumed, cancelled, and refused in plain words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.clock import SystemClock
from bot.job_flow import Lease
from bot.job_line import NIGHTLY_PRIORITY
from bot.jobs import JobKind, JobRequest, JobState
from bot.nightly.builds import Build, BuildState
from bot.nightly.steps import source_of
from bot.simulator import Simulator
from bot.store.builds import BuildStore
from bot.store.database import open_engine
from bot.store.jobs import JobStore
from checks.contribution import Login, Sha
from pipeline.contract import Progress
from tests.nightly.test_command import Terminal
from tests.world.nights import skill


@dataclass
class Office:
    """A terminal, and the database behind it."""

    terminal: Terminal
    engine: AsyncEngine

    @property
    def builds(self) -> BuildStore:
        return BuildStore(self.engine)

    async def build(self) -> Build:
        "The newest build."
        return (await self.builds.newest(self.terminal.repo.id, 1))[0]

    async def says(self, *words: str, refuses: bool = False) -> str:
        "What the terminal answers, its lines joined."
        answer = await self.terminal.types(*words)
        assert answer.exit_code == (2 if refuses else 0), answer.output
        return " ".join(answer.output.split())

    async def runs(self) -> Build:
        "Have a build planned and begun."
        await self.says("run")
        build = await self.build()
        assert await self.builds.begin(build, SystemClock().now())
        return build

    async def has_step(self, build: Build, kind: JobKind, step: str, state: JobState, message: str = "") -> None:
        "Have a step of a build stand so."
        store, now = JobStore(self.engine), SystemClock().now()
        request = JobRequest(
            build.repository_id,
            0,
            kind,
            Sha(build.commit),
            0,
            Login("taxonomy-bot"),
            source_of(build, step),
            build_id=build.id,
            build_attempt=build.attempt,
            step=step,
        )
        job = await store.add(request, "cpu", NIGHTLY_PRIORITY, now)
        lease = Lease("w", "d", now - timedelta(minutes=90), now, now) if state is JobState.RUNNING else None
        progress = Progress(0.45, "epoch 2 of 7") if lease else None
        life = replace(job.life, state=state, message=message, lease=lease, progress=progress)
        await store.change(job.id, lambda each: replace(each, life=life))


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    "The taxonomy has one leaf; the bot has heard of it, and never looked after a build."
    async with Simulator() as github:
        repo = github.create_repository("instruct/taxonomy", skill("haiku"))
        terminal = Terminal(github, repo, database_url)
        await terminal.hears_of_the_repository()
        engine = open_engine(database_url)
        yield Office(terminal, engine)
        await engine.dispose()


async def test_a_build_is_planned_for_the_serving_bot(office: Office) -> None:
    "It says what it takes in and what comes next, and warns where no bot is there."
    said = await office.says("run")
    assert "1 new, 0 changed, 0 removed leaves" in said
    assert "The serving bot begins it within a minute" in said
    assert "is `taxonomy-bot serve` running" in said
    build = await office.build()
    assert (build.state, build.night) == (BuildState.PLANNED, datetime.now(UTC).date())
    assert f"{build.name} is planned already" in await office.says("run", refuses=True)
    assert "is planned: the serving bot begins it" in await office.says("status")


async def test_what_cannot_be_built_is_refused_with_what_to_do(office: Office) -> None:
    "A night to come, no date, no workers, one that runs, nothing new."
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    assert "is still to come" in await office.says("run", "--night", tomorrow, refuses=True)
    assert "is no date" in await office.says("run", "--night", "tonight", refuses=True)
    answer = await office.terminal.types("run", broker_url="off")
    assert (answer.exit_code, "no workers are set up" in answer.output) == (2, True)
    build = await office.runs()
    assert f"{build.name} runs, and one at a time does" in await office.says("run", refuses=True)
    await office.builds.end(build, BuildState.GOOD, SystemClock().now())
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    assert "would go back" in await office.says("run", "--night", yesterday, refuses=True)
    assert "Each night has one build" in await office.says("run", refuses=True)


async def test_a_build_is_cancelled_and_resumed(office: Office) -> None:
    "By somebody, which is kept; twice is refused."
    assert "nothing to cancel" in await office.says("cancel", refuses=True)
    assert "There is no build yet" in await office.says("resume", refuses=True)
    build = await office.runs()
    assert "there is nothing to resume" in await office.says("resume", refuses=True)
    assert f"{build.name} is cancelled" in await office.says("cancel", "--by", "max")
    ended = await office.build()
    assert (ended.state, ended.because) == (BuildState.CANCELLED, "It was cancelled by max.")
    assert "nothing to cancel" in await office.says("cancel", refuses=True)
    assert "goes on within a minute" in await office.says("resume")
    assert (await office.build()).state is BuildState.RUNNING


async def test_only_a_build_with_a_failed_step_is_resumed(office: Office) -> None:
    "One that fell in its gate would fall again; it can be planned anew."
    build = await office.runs()
    await office.has_step(build, JobKind.GATE, "gate", JobState.SUCCEEDED)
    await office.builds.end(build, BuildState.FAILED, SystemClock().now(), "It did not pass its gate.")
    said = await office.says("resume", refuses=True)
    assert "No step of" in said
    assert "--anew` plans it once more" in said
    assert "`taxonomy-bot nightly resume" in await office.says("run", refuses=True)
    await office.says("run", "--anew")
    assert ((await office.build()).attempt, (await office.build()).state) == (2, BuildState.PLANNED)


@pytest.mark.parametrize("columns", ["40", "80", "160"])
async def test_status_shows_how_a_build_goes(office: Office, columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    "At any width: its stage, its leaves in one line, what failed and why, how far the rest is."
    monkeypatch.setenv("COLUMNS", columns)
    build = await office.runs()
    for name in ("a", "b"):
        await office.has_step(build, JobKind.GENERATE, f"generate/{name}", JobState.SUCCEEDED)
    await office.has_step(
        build, JobKind.GENERATE, "generate/c", JobState.FAILED_BY_CONTRIBUTION, "3 samples\u202e, 10 are the least"
    )
    await office.has_step(build, JobKind.MIX, "mix", JobState.SUCCEEDED)
    await office.has_step(build, JobKind.TRAIN, "train/skills", JobState.RUNNING)
    await office.builds.hold(build, "One step waits and is tried again every minute.")
    answer = await office.terminal.types("status")
    assert answer.exit_code == 0, answer.output
    assert all(len(line) <= int(columns) for line in answer.output.splitlines())
    said = " ".join(answer.output.split())
    assert f"{build.name} runs: stage 3 of 6." in said
    assert "Held: One step waits" in said
    for part in ("2 of 3 done", "1 failed", "running, 45%", "epoch 2", "1 h 30 min", "generate/c"):
        assert part.split()[0] in said, part
    assert "\u202e" not in answer.output


async def test_two_operators_resume_at_once_and_one_does(office: Office) -> None:
    "The other is told that it runs."
    build = await office.runs()
    await office.builds.end(build, BuildState.CANCELLED, SystemClock().now())
    codes = await asyncio.gather(*(office.terminal.types_elsewhere("resume") for _ in range(2)))
    assert sorted(codes) == [0, 2]
