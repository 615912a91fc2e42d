"""A site that no webhook reaches: what happens there, the bot finds out by looking."""

from __future__ import annotations

import asyncio
from typing import Any

from bot.app import PARTS
from bot.polling.lookout import Lookout
from bot.rule_workers import RuleWorkers
from tests.world.world import World

POLL_S = 20


class RemoteWorld(World):
    """A world in which nobody tells the bot anything. Use it as an async context manager."""

    def __init__(self, database_url: str, workers: RuleWorkers, **settings: Any) -> None:
        super().__init__(database_url, workers, **({"poll_seconds": POLL_S} | settings))

    async def start_bot(self, *, handling: bool = True, **settings: Any) -> None:
        "Start the bot, and let it have its first look."
        await super().start_bot(handling=handling, **settings)
        self.github.webhook_url = None
        await self.has_looked(1)

    @property
    def lookout(self) -> Lookout:
        "The part of the running bot that looks."
        return self.app[PARTS].lookout

    async def has_looked(self, times: int) -> None:
        "Wait until so many looks are over."
        async with asyncio.timeout(30):
            while self.lookout.looks_done < times:
                await asyncio.sleep(0.005)

    async def looks(self, times: int = 1) -> None:
        "Let the bot look once more, and do what follows; `times`: and again as often."
        for _ in range(times):
            done = self.lookout.looks_done
            await self.clock.advance(seconds=POLL_S)
            await self.has_looked(done + 1)
            await self.settled()

    async def while_failing(self, **delta: float) -> None:
        "Let time pass for retries and for looks that were put off."
        looking = self.has_looked(self.lookout.looks_done + 25)
        await self.over_time(looking, **delta)
        await self.settled()
