"""What happens to releases unasked: promoted by policy, the pointer kept true, old ones removed once a day."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from bot.clock import MovableClock
from bot.events import Origin
from bot.nightly.release_keeper import ReleaseKeeper
from bot.nightly.releases import ReleaseState
from bot.policies import Policies
from bot.settings import read_settings
from bot.simulator import Simulator
from bot.store.database import open_engine
from bot.store.repositories import KnownRepository
from bot.wiring import make_release_keeper, open_github
from tests.nightly.test_releases import Office
from tests.world.nights import skill


class Household:
    "A community, its releases, and the keeper that the bot runs."

    def __init__(self, office: Office, keeper: ReleaseKeeper, known: KnownRepository) -> None:
        self.office = office
        self.keeper = keeper
        self.known = known

    async def hears_of_a_build(self, day: int) -> str:
        "What the foreman does when a build is packaged; why it is not served."
        release = await self.office.releases.add(*self.office.built(day), self.office.clock.now())
        return await self.keeper.promote(self.known, release)


@pytest.fixture
async def household(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> AsyncIterator[Household]:
    policy = {".github/taxonomy-bot.yml": f"builds:\n  {request.param}\n"}
    clock = MovableClock(datetime(2026, 1, 5, 6, tzinfo=UTC))
    async with Simulator(clock=clock) as github, aiohttp.ClientSession() as session:
        repo = github.create_repository("instruct/taxonomy", skill("haiku") | policy)
        assert repo.installation_id is not None
        engine = open_engine(database_url)
        office = Office([engine, engine], tmp_path, repo.id)
        office.clock = clock
        settings = read_settings(
            app_id=1234,
            private_key=github.private_key_pem,
            webhook_secrets="a secret of the tests",
            repositories=str(repo.id),
            github_api_url=github.url,
            model_store_url=str(tmp_path / "models"),
            releases_kept=1,
            release_days=1,
        )
        app = open_github(session, settings, office.clock)
        keeper = make_release_keeper(app, settings, Policies(settings, office.clock), engine, office.clock)
        origin = Origin(repo.id, repo.full_name, repo.installation_id)
        yield Household(office, keeper, KnownRepository(origin, office.clock.now()))
        await keeper.stop()
        await engine.dispose()


@pytest.mark.parametrize("household", ["auto_promote: true"], indirect=True)
async def test_a_community_may_have_good_builds_served_at_once(household: Household) -> None:
    assert await household.hears_of_a_build(0) == ""
    assert household.office.latest == "2026-01-05.1"


@pytest.mark.parametrize("household", ["auto_promote: false"], indirect=True)
async def test_else_a_maintainer_decides(household: Household) -> None:
    assert await household.hears_of_a_build(0) == ""
    assert household.office.latest == ""
    assert list((await household.office.states()).values()) == [ReleaseState.CANDIDATE]


@pytest.mark.parametrize("household", ["auto_promote: true"], indirect=True)
async def test_what_is_not_as_decided_is_put_right(household: Household) -> None:
    "The store was away, or somebody wrote into it: the next look writes what is decided."
    office = household.office
    await household.hears_of_a_build(0)
    (office.folder / "models" / str(office.repository_id) / "latest.json").unlink()
    await household.keeper.look()
    assert office.latest == "2026-01-05.1"


@pytest.mark.parametrize("household", ["auto_promote: true"], indirect=True)
async def test_old_builds_go_once_a_day(household: Household) -> None:
    "One that was replaced stays for its days; the one before what is served stays as the way back."
    office = household.office
    for day in range(4):
        assert await household.hears_of_a_build(day) == ""
        await office.clock.advance(hours=1)
    await household.keeper.look()
    assert len(office.models.names()) == 4
    await office.clock.advance(hours=30)
    await household.keeper.look()
    assert office.models.names() == ["2026-01-07.1", "2026-01-08.1"]


@pytest.mark.parametrize("household", ["auto_promote: true"], indirect=True)
async def test_trouble_with_the_store_ends_nothing(household: Household) -> None:
    "It is looked at again; in between nothing changes."
    office = household.office
    await household.hears_of_a_build(0)
    place = office.folder / "models"
    place.rename(office.folder / "elsewhere")
    place.write_text("a file where a folder belongs")
    await household.keeper.look()
    place.unlink()
    (office.folder / "elsewhere").rename(place)
    await household.keeper.look()
    assert office.latest == "2026-01-05.1"
