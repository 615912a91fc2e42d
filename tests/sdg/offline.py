"""A teacher in the same process: the offline teacher's own rules, with no server between."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable

from pipeline.sdg.blocks.block import Models
from pipeline.teacher import Ask, Choice, Reply
from pipeline.tiny.prompt import Prompt, read_prompt
from pipeline.tiny.replies import reply_to

Spoil = Callable[[Prompt, str], str]


class OfflineTeacher:
    """Answers at once or, given a seed for chance, in any order. `spoil` may change what it says."""

    def __init__(self, spoil: Spoil | None = None, shuffled_by: int | None = None) -> None:
        self.asked: list[Ask] = []
        self.tasks: Counter[str] = Counter()
        self._spoil = spoil
        self._chance = random.Random(shuffled_by) if shuffled_by is not None else None

    async def ask(self, ask: Ask) -> Reply:
        """Answer."""
        self.asked.append(ask)
        for _ in range(self._chance.randrange(20) if self._chance else 1):
            await asyncio.sleep(0)
        prompt = read_prompt(*(message.content for message in ask.messages))
        self.tasks[prompt.task] += 1
        text = reply_to(prompt, ask.seed, 0)
        if self._spoil is not None:
            text = self._spoil(prompt, text)
        return Reply((Choice(text, is_cut=False),), 10, 5, from_cache=False)

    @property
    def models(self) -> Models:
        """As teacher and critic."""
        return Models(self, self)
