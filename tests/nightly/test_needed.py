"""What builds need outlives every clean-up; data that no build takes in any more go, and are forgotten first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.artifact_retention import Cleaner
from bot.nightly.needed import NeededByBuilds
from bot.store.artifacts import ArtifactRows
from pipeline.build_orders import MIX
from tests.nightly.site import Site, site_of
from tests.nightly.test_foreman import NEXT_NIGHT, OTTER, generated, planned
from tests.stories.test_nightly import merged
from tests.world import World
from tests.world.nights import NIGHT, leaf_named, nights_of, skill


@pytest.fixture
async def site(world: World, tmp_path: Path) -> AsyncIterator[Site]:
    "A taxonomy with an otter and a haiku that was merged, built once; max is a maintainer."
    world.repo.permissions |= {"tess": "triage", "max": "maintain"}
    async with nights_of(world) as nights, site_of(nights, tmp_path) as site:
        await merged(world, "haiku")
        await world.clock.advance(hours=17)
        await planned(nights, NIGHT)
        await site.builds_on()
        yield site
    await world.settled()
    for pr in world._seen.values():
        pr.has_been_read()


async def cleans_up(site: Site, *, dry_run: bool = False) -> None:
    "Clean up long after all that has happened, when everything is shown."
    engine = site.nights.engine
    for job in await site.store.unshown(1000):
        await site.store.note_shown(job, None)
    cleaner = Cleaner(ArtifactRows(engine), site.artifacts, lambda _: None, NeededByBuilds(engine))
    later = datetime.now(UTC) + timedelta(hours=2)  # files are as old as this machine says
    await cleaner.clean(later, timedelta(days=1), dry_run=dry_run, even_if_nothing_is_named=True)


async def test_the_data_of_a_build_stay_and_those_of_no_build_go(site: Site) -> None:
    "A leaf that was reverted is generated from again should it come back; the others are not."
    nights, first = site.nights, site.orders[MIX]
    haiku, otter = leaf_named("haiku"), OTTER

    def are_there(leaf: str) -> bool:
        of_leaf = [each for role, each in first.files.items() if role.startswith(f"generate/{leaf}:")]
        return bool(of_leaf) and all(site.artifacts.exists(each) for each in of_leaf)

    await cleans_up(site)
    assert are_there(haiku)
    assert are_there(otter)

    revert = await nights.world.tess.opens_pr(dict.fromkeys(skill("haiku"), None), title="Revert the haiku")
    await revert.settled()
    await nights.world.github.merge_pull(revert.pull, by="max")
    await revert.settled()
    await nights.world.clock.advance(hours=24)
    await planned(nights, NEXT_NIGHT)
    await site.builds_on()
    await cleans_up(site, dry_run=True)
    assert are_there(haiku)
    await cleans_up(site)
    assert not are_there(haiku)
    assert are_there(otter)

    back = await merged(nights.world, "haiku")
    site.worked.clear()
    await planned(nights, nights.world.clock.now().date() + timedelta(days=1))
    await site.builds_on()
    assert [step for step in site.worked if step.startswith("generate")] == generated("haiku")
    assert [leaf.pulls for leaf in site.orders[MIX].leaves if leaf.path == haiku] == [(back.number,)]
