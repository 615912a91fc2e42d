"""The audit: everything that was done on a pull request, by people and by the bot, in the order of its doing."""

from __future__ import annotations

import pytest

from bot.audit_cli import audit_lines
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import PullRequest, World
from tests.world.review import gives_powers, triaged


@pytest.fixture
async def pr(world: World) -> PullRequest:
    "A pull request of ana's that lacks nothing but an approval."
    gives_powers(world)
    return await triaged(world)


async def audit(world: World, pr: PullRequest) -> list[str]:
    "What `taxonomy-bot audit` prints, without the moments."
    await pr.settled()
    pr.has_been_read()
    lines = await audit_lines(world.settings.database_url, world.repo.id, pr.number)
    assert lines == sorted(lines, key=lambda line: line[:19])
    return [line[20:] for line in lines]


async def test_a_merge_says_why_it_came_about(world: World, pr: PullRequest) -> None:
    "The bot's own moves and its merge stand between what people did, with the commit."
    head = pr.pull.head_sha[:7]
    await world.clock.advance(minutes=1)
    await world.apo.comments(pr, "/approve")
    lines = await audit(world, pr)
    assert pr.pull.merged
    assert "taxonomy-bot new -> needed: the checks pass on new content" in lines
    assert any(line.startswith("tess (triager) /triage-approve") for line in lines)
    assert lines[-2:] == [
        f"apo (approver) /approve at {head}: done",
        f"taxonomy-bot (bot) merge automatic at {head}: done",
    ]


async def test_a_refused_merge_is_written_down_once(world: World, pr: PullRequest) -> None:
    "With GitHub's words, however often it is tried; once it is asked for and merged, with who asked."
    world.repo.required_checks = {("Build", None)}
    await world.apo.comments(pr, "/approve")
    await pr.settled()
    await world.clock.advance(minutes=1)
    await world.apo.comments(pr, "/merge")
    await pr.settled()
    refused = [line for line in await audit(world, pr) if line.startswith("taxonomy-bot (bot) merge")]
    assert len(refused) == 1
    assert '"Build" is expected' in refused[0]
    assert refused[0].endswith(": refused")

    await world.github.other_check_run(pr.pull, "Build", conclusion="success")
    lines = await audit(world, pr)
    assert f"taxonomy-bot (bot) merge apo at {pr.pull.head_sha[:7]}: done" in lines


async def test_fallen_approvals_are_written_down(world: World, pr: PullRequest) -> None:
    "Whose they were, and what let them fall."
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    lines = await audit(world, pr)
    fell = [line for line in lines if " approvals fell " in line]
    assert len(fell) == 1
    assert fell[0].startswith("taxonomy-bot (bot) approvals fell of tess: the checks pass on new content at ")
