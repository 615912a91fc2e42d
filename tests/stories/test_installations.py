"""The App is removed, suspended, and comes back: nothing is written meanwhile, and everything is made up for."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp
import pytest
from structlog.testing import capture_logs

from bot.reconcile import Found
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import PullRequest, World
from tests.world.people import a_good_skill

OWNER = "instruct"
ANOTHER_PATH = SKILL_PATH.replace("skills", "skills/writing")


@pytest.fixture
async def pr(world: World) -> PullRequest:
    "A pull request that passed its checks; tess is a triager."
    world.repo.permissions["tess"] = "triage"
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    await world.settled()
    return pr


def removed(world: World) -> tuple[Callable[[str], None], Callable[[str], None]]:
    return world.github.uninstall, world.github.install


def suspended(world: World) -> tuple[Callable[[str], None], Callable[[str], None]]:
    return world.github.suspend, world.github.unsuspend


ways = pytest.mark.parametrize("way", [removed, suspended])


async def is_ready(world: World) -> bool:
    url = world.webhook_url.replace("/webhooks", "/readyz")
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status == 200


async def a_sweep(world: World) -> list[Found]:
    "Sweep while time passes: what GitHub refuses is asked for again after a pause."
    return await world.over_time(world.sweeps(), hours=1)


@ways
async def test_what_happened_while_away_is_made_up_for(
    world: World, pr: PullRequest, way: Callable[..., tuple[Callable[[str], None], Callable[[str], None]]]
) -> None:
    "A push, a new pull request and a command of some hours without us are answered by the first sweep, once each."
    go, come_back = way(world)
    go(OWNER)
    mark = world.github.mark
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=3)})
    second = await world.tess.opens_pr(a_good_skill("tess", ANOTHER_PATH), body="/hold")
    await world.while_time_passes(hours=2)
    assert await a_sweep(world) == []
    assert [line for line in world.github.calls_since(mark) if line.is_write] == []
    assert await is_ready(world)

    come_back(OWNER)
    await a_sweep(world)
    await world.settled()
    assert pr.check("Contribution").conclusion == "failure"
    assert "triage-requested-changes" in pr.labels
    assert "All checks passed" in await second.next_comment()
    assert "hold" in second.labels
    pr.has_been_read()
    await world.while_time_passes(minutes=10)
    mark = world.github.mark
    await world.sweeps()
    assert [line for line in world.github.calls_since(mark) if line.is_write] == []


@ways
async def test_a_delivery_that_came_just_before_is_no_crash_loop(
    world: World, way: Callable[..., tuple[Callable[[str], None], Callable[[str], None]]]
) -> None:
    "It is tried a few times, put aside with the reason, and the sweep after the return judges what it was about."
    first = await world.ana.opens_pr()
    await first.next_comment()
    await world.settled()
    go, come_back = way(world)
    await world.stop_bot()
    await world.start_bot(handling=False)
    late = await world.tess.opens_pr(a_good_skill("tess", ANOTHER_PATH))
    await world.settled()
    go(OWNER)
    await world.stop_bot()
    mark = world.github.mark
    await world.start_bot()
    await world.while_time_passes(hours=2)
    kept = await world.rows("select state, error from deliveries where state <> 'done'")
    assert {state for state, _ in kept} == {"failed"}
    assert all("GitHub gave us no access token" in error for _, error in kept)
    assert [line for line in world.github.calls_since(mark) if line.is_write] == []

    come_back(OWNER)
    await a_sweep(world)
    assert "All checks passed" in await late.next_comment()


async def test_installed_again_a_webhook_is_enough(world: World, pr: PullRequest) -> None:
    "The first delivery under the new id is handled at once, and sweeps use the new id from then on."
    world.github.uninstall(OWNER)
    await world.while_time_passes(hours=1)
    world.github.install(OWNER)
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=3)})
    await world.settled()
    assert pr.check("Contribution").conclusion == "failure"
    pr.has_been_read()
    (row,) = await world.rows("select installation_id from repositories")
    assert world.repo.installation is not None
    assert row == (world.repo.installation.id,)
    mark = world.github.mark
    assert len(await world.sweeps()) == 1
    asked_as = {line.authenticated_as for line in world.github.calls_since(mark)}
    assert asked_as <= {"app", f"installation {world.repo.installation.id}"}


async def test_removed_from_one_repository_only_the_other_is_still_served(world: World, pr: PullRequest) -> None:
    "The installation lives on, without this repository: that is said in a line, and the others are swept."
    other = world.github.create_repository(f"{OWNER}/knowledge", {"README.md": "# Knowledge\n"})
    await world.stop_bot()
    await world.start_bot(repositories=frozenset({world.repo.id, other.id}))
    await world.github.open_pull(other, author="ana", files=a_good_skill())
    await world.settled()
    installation, world.repo.installation = world.repo.installation, None
    with world.no_webhooks():
        await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=3)})
    with capture_logs() as logs:
        found = await world.sweeps()
    assert len(found) == 1
    assert [line["event"] for line in logs if line["event"].startswith("sweep.")] == [
        "sweep.not_installed",
        "sweep.done",
    ]
    assert pr.checks() == []
    world.repo.installation = installation
    await world.sweeps()
    assert pr.check("Contribution").conclusion == "failure"
    pr.has_been_read()
