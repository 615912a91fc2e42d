"""The community's policy of each repository: read from the default branch, kept for a minute."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.clock import Clock
from bot.github.pulls import Pull, PullReader
from bot.settings import BotSettings
from checks.policy import POLICY_PATH, Policy, PolicyError, PolicyProblem, default_policy, read_policy

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PolicyStanding:
    """The policy in force, and where it is from. `written` is what the repository's file says; None without a file.

    While `problems` are in that file, `written` is what it said before, as far as this process has seen that.
    """

    in_force: Policy
    written: Policy | None
    problems: tuple[PolicyProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Kept:
    standing: PolicyStanding
    until: datetime


class Policies:
    """Reads policies and caps them by the operator's settings."""

    def __init__(self, settings: BotSettings, clock: Clock, instead: Policy | None = None) -> None:
        """With `instead`, that policy is in force, whatever the repositories hold."""
        self._settings = settings
        self._instead = None if instead is None else PolicyStanding(settings.capped(instead), instead)
        self._clock = clock
        self._kept: dict[int, _Kept] = {}
        self._reading: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def of(self, reader: PullReader, repository_id: int, pull: Pull) -> Policy:
        """Return the policy in force. A file that cannot be used leaves the last good one in force."""
        return await self.of_branch(reader, repository_id, pull.default_branch)

    async def of_branch(self, reader: PullReader, repository_id: int, default_branch: str) -> Policy:
        """Return the policy in force, without a pull request at hand."""
        return (await self.standing(reader, repository_id, default_branch)).in_force

    async def standing(self, reader: PullReader, repository_id: int, default_branch: str) -> PolicyStanding:
        """Return the policy in force, and where it is from."""
        if self._instead is not None:
            return self._instead
        async with self._reading[repository_id]:
            kept = self._kept.get(repository_id)
            if kept is None or kept.until <= self._clock.now():
                until = self._clock.now() + timedelta(seconds=self._settings.policy_cache_s)
                kept = _Kept(await self._read(reader, repository_id, default_branch), until)
                self._kept[repository_id] = kept
            return kept.standing

    def forget(self, repository_id: int) -> None:
        """The default branch has moved: read again next time, but keep what was good."""
        if repository_id in self._kept:
            kept = self._kept[repository_id]
            self._kept[repository_id] = _Kept(kept.standing, self._clock.now())

    async def _read(self, reader: PullReader, repository_id: int, branch: str) -> PolicyStanding:
        text = await reader.text_file(POLICY_PATH, branch)
        try:
            written = None if text is None else read_policy(text)
        except PolicyError as error:
            log.error(
                "policy.unusable", repository_id=repository_id, problems=len(error.problems), first=str(error)
            )
            last = self._kept.get(repository_id)
            if last is not None:
                return PolicyStanding(last.standing.in_force, last.standing.written, error.problems)
            return PolicyStanding(self._settings.capped(default_policy()), None, error.problems)
        return PolicyStanding(self._settings.capped(written or default_policy()), written)
