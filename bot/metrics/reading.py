"""What is looked up for a scrape: what waits, how builds stand, what GitHub allows, what this process is doing."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.clock import Clock
from bot.github.client import GitHubApp
from bot.jobs import JobState
from bot.leadership import Leadership
from bot.metrics import builds, deliveries, github, house, jobs
from bot.metrics import rules as _rules  # noqa: F401 - so that the book is whole
from bot.metrics.book import BOOK
from bot.nightly.builds import Build, BuildState
from bot.presence import PRESENT_FOR, Presence
from bot.replica import Replica
from bot.store.backlog import backlog_of
from bot.store.builds import BuildStore
from bot.store.connections import InTurn
from bot.store.jobs import JobStore
from pipeline.artifacts import ArtifactError, ArtifactStore
from pipeline.build_orders import GATE
from pipeline.build_results import GateResult
from pipeline.contract import Artifact, ContractError, Queue

log = structlog.get_logger()

__all__ = ["BOOK", "Reading", "Sources"]  # the book with what all areas declare

_BACKLOG_EVERY_S = 3.0  # however many ask
_BUILDS_EVERY_S = 60.0
_ANSWERS_WITHIN_S = 5.0
_LOOKED_BACK = 10  # builds, for one that was measured
_KEPT = 32


@dataclass(frozen=True, slots=True)
class Sources:
    """Whom to ask."""

    engine: AsyncEngine
    clock: Clock
    github: GitHubApp
    leadership: Leadership
    replica: Replica
    workers: Callable[[], Awaitable[Mapping[str, Presence]]]
    artifacts: ArtifactStore
    repositories: frozenset[int]


class Reading:
    """Brings up to date what is only looked up when somebody asks; what takes a database, every few seconds."""

    def __init__(self, sources: Sources) -> None:
        self._of = sources
        self._next_at: dict[str, float] = {}
        self._one_at_a_time = asyncio.Lock()
        self._gates: OrderedDict[str, GateResult] = OrderedDict()

    async def refresh(self) -> None:
        """Look everything up that is old by now. What does not answer in time is not told, and counted."""
        self._show_process()
        async with self._one_at_a_time:
            await self._now_and_then("backlog", _BACKLOG_EVERY_S, self._show_backlog)
            await self._now_and_then("builds", _BUILDS_EVERY_S, self._show_builds)

    async def _now_and_then(self, part: str, every_s: float, look: Callable[[], Awaitable[None]]) -> None:
        now = time.monotonic()
        if now < self._next_at.get(part, 0.0):
            return
        self._next_at[part] = now + every_s
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN_S):
                await look()
        except Exception as error:  # a scrape tells what it can
            house.NOT_READ.add(part)
            log.warning("metrics.not_read", part=part, error=type(error).__name__)
            self._forget(part)

    @staticmethod
    def _forget(part: str) -> None:
        """Tell nothing rather than what was true once: an autoscaler would act on it."""
        by_part = {
            "backlog": (
                jobs.WAITING,
                jobs.RUNNING,
                jobs.OPEN,
                jobs.OLDEST,
                jobs.WORKERS,
                deliveries.DEPTH,
                deliveries.OLDEST,
            ),
            "builds": (builds.LAST_GOOD, builds.LAST_STATE, builds.SCORE, builds.LOW, builds.HIGH),
        }
        for metric in by_part[part]:
            metric.show({})

    def _show_process(self) -> None:
        of = self._of
        house.LEADS.show({(): float(of.leadership.leads)})
        house.REPLICAS.show({(): float(of.replica.count)})
        if isinstance(pool := of.engine.pool, InTurn):
            house.CONNECTIONS.show({(): float(pool.checkedout())})
            house.MOST_CONNECTIONS.show({(): float(pool.size())})
        budgets = of.github.budgets()
        github.LEFT.show({key: float(left) for key, (left, _) in budgets.items()})
        github.ALLOWED.show({key: float(most) for key, (_, most) in budgets.items()})

    async def _show_backlog(self) -> None:
        found, now = await backlog_of(self._of.engine), self._of.clock.now()
        jobs.WAITING.show({(queue.value,): float(found.waiting.get(queue, 0)) for queue in Queue})
        jobs.RUNNING.show({(queue.value,): float(found.running.get(queue, 0)) for queue in Queue})
        still_open = {queue: found.waiting.get(queue, 0) + found.running.get(queue, 0) for queue in Queue}
        jobs.OPEN.show({(queue.value,): float(count) for queue, count in still_open.items()})
        ages = {queue: max(0.0, (now - at).total_seconds()) for queue, at in found.oldest.items()}
        jobs.OLDEST.show({(queue.value,): ages.get(queue, 0.0) for queue in Queue})
        deliveries.DEPTH.show({(): float(found.deliveries)})
        since = found.oldest_delivery or now
        deliveries.OLDEST.show({(): max(0.0, (now - since).total_seconds())})
        await self._show_workers(now)

    async def _show_workers(self, now: datetime) -> None:
        """Tell the workers once: every replica knows them, and the leader tells."""
        if not self._of.leadership.leads:
            jobs.WORKERS.show(_nothing())
            return
        alive = [worker for worker in (await self._of.workers()).values() if worker.heard_at > now - PRESENT_FOR]
        jobs.WORKERS.show(
            {(queue.value,): float(sum(queue in worker.queues for worker in alive)) for queue in Queue}
        )

    async def _show_builds(self) -> None:
        store = BuildStore(self._of.engine)
        good, state = _nothing(), _nothing()
        scores, lows, highs = _nothing(), _nothing(), _nothing()
        for repository_id in sorted(self._of.repositories):
            name = str(repository_id)
            newest = await store.newest(repository_id, _LOOKED_BACK)
            last_good = await store.last_good(repository_id)
            if last_good is not None and last_good.ended_at is not None:
                good[name,] = last_good.ended_at.timestamp()
            for each in BuildState if newest else ():
                state[name, each.value] = float(newest[0].state is each)
            gate = await self._newest_gate(newest)
            for row in gate.comparisons[0].rows if gate is not None and gate.comparisons else ():
                key = (name, row.name, row.scale.value)
                scores[key], lows[key], highs[key] = row.tuned, row.low, row.high
        builds.LAST_GOOD.show(good)
        builds.LAST_STATE.show(state)
        builds.SCORE.show(scores)
        builds.LOW.show(lows)
        builds.HIGH.show(highs)

    async def _newest_gate(self, newest: list[Build]) -> GateResult | None:
        """Return what the newest of some builds was measured to be; None where none was."""
        if not newest:  # a question about no build would go through all jobs
            return None
        found = await JobStore(self._of.engine).of_step([build.id for build in newest], GATE)
        for build in newest:
            job = found.get(build.id)
            outcome = job.life.outcome if job is not None and job.life.state is JobState.SUCCEEDED else None
            if outcome is not None and outcome.result is not None:
                return await self._gate(outcome.result)
        return None

    async def _gate(self, result: Artifact) -> GateResult | None:
        """Read what a gate found, once: a stored result never changes."""
        if result.sha256 in self._gates:
            return self._gates[result.sha256]
        try:
            gate = GateResult.from_json(await asyncio.to_thread(self._of.artifacts.get, result))
        except (ArtifactError, ContractError) as error:
            log.warning("metrics.gate_unreadable", error=str(error))
            return None
        self._gates[result.sha256] = gate
        while len(self._gates) > _KEPT:
            self._gates.popitem(last=False)
        return gate


def _nothing() -> dict[tuple[str, ...], float]:
    return {}
