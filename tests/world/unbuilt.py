"""What the workflow knows of, but no part of the bot brings about yet: done by hand until it does."""

from __future__ import annotations

from bot.effects import EffectDesk
from bot.workflow import Trigger
from tests.world.people import PullRequest
from tests.world.records import records_of
from tests.world.world import World

# the nightly build
UNBUILT = frozenset({Trigger.BUILD_BEGAN, Trigger.BUILD_ENDED, Trigger.RELEASED})


async def comes_about(world: World, pr: PullRequest, trigger: Trigger) -> None:
    "Write into the bot's database what the missing part would, while the bot has nothing to do."
    async with records_of(world) as records:
        memory = await records.memories.get(world.repo.id, pr.number)
        assert memory is not None
        after = await EffectDesk(records, records.log, world.clock).fire(memory, trigger, None)
        await records.memories.save(after, world.clock.now())


async def is_looked_at_again(world: World, pr: PullRequest) -> None:
    "Give the bot a reason to bring its report up to date that changes nothing: somebody touches the title."
    await world.github.edit_pull(pr.pull, title=f"{pr.pull.title}.", by="max")
