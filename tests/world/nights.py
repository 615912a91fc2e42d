"""The nightly builds of a world, as an operator and as a second process of the bot see them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date

import aiohttp
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.effects import EffectDesk
from bot.jobs import NoJobs
from bot.locks import PullLocks
from bot.nightly.build_labels import BuildLabels
from bot.nightly.builds import Build, BuildState
from bot.nightly.desk import NightlyDesk
from bot.nightly.gathering import PlanRoom
from bot.nightly.quarantining import QuarantineDesk
from bot.nightly.scheduler import NightlyScheduler
from bot.records import Records
from bot.store.approvals import ApprovalStore
from bot.store.builds import BuildStore
from bot.store.desk_log import DeskLog
from bot.store.history import History
from bot.store.leaves import LeafStore
from bot.store.merge_requests import MergeRequestStore
from bot.store.pardons import PardonStore
from bot.store.pull_requests import PullRequestStore
from bot.store.quarantine import QuarantineStore
from bot.store.reminders import ReminderStore
from bot.store.repositories import KnownRepository, RepositoryStore
from bot.wiring import make_plan_room, make_quarantine_desk, make_scheduler, make_silence, open_github
from tests.world.people import a_good_skill
from tests.world.world import World

NIGHT = date(2026, 1, 6)


def leaf_named(name: str) -> str:
    "The path of a leaf that stories add."
    return f"compositional_skills/writing/freeform/{name}"


def skill(name: str, author: str = "ana") -> dict[str, str]:
    "The files of a leaf."
    return a_good_skill(author, f"{leaf_named(name)}/qna.yaml")


@dataclass(frozen=True, slots=True)
class Nights:
    """What plans builds in a world, beside the bot that serves it."""

    world: World
    engine: AsyncEngine
    room: PlanRoom
    desk: NightlyDesk
    scheduler: NightlyScheduler
    builds: BuildStore
    quarantine: QuarantineStore
    labels: BuildLabels
    quarantines: QuarantineDesk

    async def known(self) -> KnownRepository:
        "The repository, as the bot knows it since its first webhook."
        [known] = await RepositoryStore(self.engine, self.world.clock).all_known()
        return known

    async def good_build(self, night: date = NIGHT) -> Build:
        "Let the build of a night be planned, run and pass."
        build = (await self.desk.plan_night(await self.known(), night)).build
        assert build is not None
        assert await self.builds.begin(build, self.world.clock.now())
        await self.world.clock.advance(hours=3)
        assert await self.builds.end(build, BuildState.GOOD, self.world.clock.now())
        return build


@contextlib.asynccontextmanager
async def nights_of(world: World) -> AsyncIterator[Nights]:
    "Open the database and GitHub as a process of its own does."
    clock, settings = world.clock, world.settings
    async with world.database() as engine, aiohttp.ClientSession() as session:
        github = open_github(session, settings, clock, gate=make_silence(engine, clock))
        room, builds = make_plan_room(github, engine), BuildStore(engine)
        memories = PullRequestStore(engine)
        records = Records(
            memories,
            ApprovalStore(engine),
            PardonStore(engine),
            MergeRequestStore(engine),
            ReminderStore(engine),
            History(engine),
            NoJobs(),
            RepositoryStore(engine, clock),
            LeafStore(engine),
        )
        effects = EffectDesk(records, DeskLog(engine), clock)
        yield Nights(
            world,
            engine,
            room,
            NightlyDesk(room, builds, History(engine), settings.schedule, clock),
            make_scheduler(github, settings, engine, clock),
            builds,
            QuarantineStore(engine),
            BuildLabels(github, memories, effects, PullLocks(), clock),
            make_quarantine_desk(github, settings, engine, clock),
        )
