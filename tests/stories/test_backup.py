"""After a restore the bot knows less than GitHub: it catches up, and says nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.backup.restoring import restore
from bot.backup.saving import save
from pipeline.artifacts import ArtifactStore
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import World
from tests.world.people import a_good_skill


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    "Where the backup goes."
    return tmp_path / "backup.zip"


async def test_the_bot_catches_up_after_a_restore(world: World, backup: Path) -> None:
    "Pushes, commands, labels and pull requests since the backup count, comments are not written again."
    world.repo.permissions |= {"tess": "triage", "max": "maintain"}
    calm = await world.ana.opens_pr()
    assert "All checks passed" in await calm.next_comment()
    theirs = SKILL_PATH.replace("skills", "skills/writing")
    pushed = await world.ben.opens_pr(a_good_skill("ben", theirs))
    assert "All checks passed" in await pushed.next_comment()
    store = ArtifactStore(world.settings.artifact_store_url)
    address = world.settings.database_url
    await save(address, store, backup, world.clock.now(), with_artifacts=False)  # while the bot runs

    await world.tess.comments(calm, "/hold")
    await world.ben.pushes(pushed, {theirs: a_skill(seed_examples=3)})
    fresh = await world.cat.opens_pr(a_good_skill("cat", SKILL_PATH.replace("skills", "skills/reading")))
    assert "All checks passed" in await fresh.next_comment()
    await world.settled()
    prs = (calm, pushed, fresh)
    before = [(sorted(pr.labels), len(pr.pull.comments)) for pr in prs]
    await world.stop_bot()
    await restore(address, store, backup, replace=True)
    await world.start_bot()

    await world.sweeps()

    assert [(sorted(pr.labels), len(pr.pull.comments)) for pr in prs] == before
    assert "hold" in calm.labels
    assert pushed.check("Contribution").conclusion == "failure"
    mark = world.github.mark
    await world.sweeps()
    assert [line.path for line in world.github.calls_since(mark) if line.is_write] == []
    for pr in prs:
        pr.has_been_read()
