"""Models that say what a test wants, and the offline teacher as a judge."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pipeline.teacher_messages import Ask, AskError, Choice, Reply
from pipeline.tiny.prompt import Prompt, read_prompt
from pipeline.tiny.replies import reply_to

Say = Callable[[str], str | None]


class Speaker:
    "Answers to the last message what `say` returns; nothing, where that is None."

    def __init__(self, say: Say) -> None:
        self.asked: list[Ask] = []
        self._say = say

    async def ask(self, ask: Ask) -> Reply:
        self.asked.append(ask)
        await asyncio.sleep(0)
        said = self._say(ask.messages[-1].content)
        if said is None:
            raise AskError("The prompt is too long.")
        return Reply((Choice(said, is_cut=said.endswith("...")),), 10, 5, from_cache=False)


class OfflineJudge:
    "Judges by the offline teacher's rules; `spoil` may change what it says, told how often it was asked that."

    def __init__(
        self, spoil: Callable[[Prompt, str, int], str | None] = lambda _prompt, said, _again: said
    ) -> None:
        self.asked: list[Ask] = []
        self._spoil = spoil

    async def ask(self, ask: Ask) -> Reply:
        again = sum(earlier.messages == ask.messages for earlier in self.asked)
        self.asked.append(ask)
        await asyncio.sleep(0)
        prompt = read_prompt(*(message.content for message in ask.messages))
        said = self._spoil(prompt, reply_to(prompt, ask.seed, 0), again)
        if said is None:
            raise AskError("The prompt is too long.")
        return Reply((Choice(said, is_cut=False),), 10, 5, from_cache=False)
