"""Which rules count for a pull request: those of the moment at which its head was first judged."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.clock import Clock
from bot.github.pulls import Pull
from bot.store.pull_requests import PullRequestStore
from bot.store.rule_starts import RuleStarts
from checks.gentleness import RuleSet, rule_set
from checks.policy import Policy
from checks.registry import release_days


@dataclass(frozen=True, slots=True)
class Ruling:
    """The rules that count for one commit, and since when they are those."""

    rules: RuleSet
    ruled_at: datetime


class RuleSets:
    """Knows which rules count. A push is judged by the rules of its day, and keeps them until the next one."""

    def __init__(self, memories: PullRequestStore, starts: RuleStarts, clock: Clock) -> None:
        self._memories = memories
        self._store = starts
        self._clock = clock
        self._starts: Mapping[str, datetime] | None = None
        self._reading = asyncio.Lock()

    async def of(self, repository_id: int, pull: Pull, policy: Policy) -> Ruling:
        """Return the rules for a pull request's head."""
        memory = await self._memories.get(repository_id, pull.number)
        if memory is not None and memory.ruled_at is not None and memory.head_sha == pull.head_sha:
            return await self.at(memory.ruled_at, policy)
        now = self._clock.now()
        return Ruling(rule_set(policy, now, await self.starts()), now)

    async def at(self, ruled_at: datetime, policy: Policy) -> Ruling:
        """Return the rules for a commit that was first judged at a moment."""
        return Ruling(rule_set(policy, ruled_at, await self.starts(), judged_then=True), ruled_at)

    async def starts(self) -> Mapping[str, datetime]:
        """Return when each new rule began to count; the first time in this process it is written down."""
        async with self._reading:
            if self._starts is None:
                self._starts = await self._store.noted(release_days(), self._clock.now())
            return self._starts
