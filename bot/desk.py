"""The desk: which part of the bot acts on which event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from weakref import WeakValueDictionary

import structlog

from bot.command_desk import AfterCommands, CommandDesk
from bot.events import ChecksRerequested, DefaultBranchMoved, Event, Ignored, Origin, PullChanged, Written
from bot.github.client import GitHubApp
from bot.github.pulls import PullReader
from bot.policies import Policies
from bot.store.pull_requests import PullRequestStore
from bot.triage import Again, Triage, Triaged
from checks.findings import Check

log = structlog.get_logger()

OnTriaged = Callable[[Origin, int, Triaged], None]


class Desk:
    """Handles events; work on one pull request never overlaps."""

    def __init__(
        self,
        app: GitHubApp,
        triage: Triage,
        policies: Policies,
        memories: PullRequestStore,
        commands: CommandDesk,
        on_triaged: OnTriaged | None = None,
    ) -> None:
        self._app = app
        self._triage = triage
        self._policies = policies
        self._memories = memories
        self._commands = commands
        self._on_triaged = on_triaged
        self._locks: WeakValueDictionary[tuple[int, int], asyncio.Lock] = WeakValueDictionary()

    async def handle(self, event: Event) -> None:
        """Act on one event. Raises TransientError when it should be handled again later."""
        match event:
            case PullChanged(origin, number):
                await self._judge(origin, number)
            case Written():
                await self._obey(event)
            case ChecksRerequested():
                await self._judge_again(event)
            case DefaultBranchMoved(origin):
                self._policies.forget(origin.repository_id)
            case Ignored():
                pass

    async def _obey(self, written: Written) -> None:
        """Carry out what somebody commands, and bring the report up to date with it."""
        async with self._lock(written.origin, written.number):
            left = await self._commands.handle(written)
        if left is AfterCommands.JUDGE_AGAIN:
            await self._judge(written.origin, written.number, Again(frozenset(Check), written.source))
        elif left is AfterCommands.REFRESH:
            await self._judge(written.origin, written.number)

    def _lock(self, origin: Origin, number: int) -> asyncio.Lock:
        return self._locks.setdefault((origin.repository_id, number), asyncio.Lock())

    async def _judge_again(self, event: ChecksRerequested) -> None:
        again = Again(frozenset({event.check} if event.check else Check), event.request)
        numbers = [event.number] if event.number else await self._numbers_with(event.origin, event.head_sha)
        for number in numbers:
            await self._judge(event.origin, number, again)

    async def _numbers_with(self, origin: Origin, head_sha: str) -> list[int]:
        """Find the pull requests of a commit: remembered, else asked for (GitHub names none for forks)."""
        remembered = await self._memories.with_head(origin.repository_id, head_sha)
        if remembered:
            return remembered
        reader = PullReader(self._app.installation(origin.installation_id), origin.full_name)
        return await reader.pulls_with_head(head_sha)

    async def _judge(self, origin: Origin, number: int, again: Again | None = None) -> None:
        async with self._lock(origin, number):
            triaged = await self._triage.run(origin, number, again)
        if triaged is None:
            log.info("triage.skipped", number=number, reason="closed or gone")
            return
        log.info(
            "triage.done",
            number=number,
            outcome=triaged.verdict.overall.value,
            findings=len(triaged.verdict.findings),
            reads=triaged.calls.reads,
            writes=triaged.calls.writes,
        )
        if self._on_triaged:
            self._on_triaged(origin, number, triaged)
