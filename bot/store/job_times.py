"""How long jobs took that are done, for forecasts and estimates of cost."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from sqlalchemy import CompoundSelect, select, union_all
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.budgets import expected_gpu_h
from bot.jobs import JobKind, JobState
from bot.store.tables import jobs
from pipeline.contract import outcome_from_data

_NEWEST = 50  # of a kind: older ones say little of what is to come


class JobTimes:
    """Reads what jobs took."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def of_runs(self, kind: JobKind, limit: int = _NEWEST) -> list[float]:
        """Return how long the newest successful jobs of a kind ran, in seconds."""
        query = (
            select(jobs.c.outcome)
            .where(jobs.c.kind == kind.value, jobs.c.state == JobState.SUCCEEDED.value)
            .order_by(jobs.c.id.desc())
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            found = (await connection.execute(query)).scalars().all()
        return [outcome_from_data(json.loads(text)).run_s for text in found if text]

    async def on_a_gpu(self, kind: JobKind, limit: int = _NEWEST) -> list[float]:
        """Return how long the newest successful jobs of a kind held a GPU, in seconds."""
        return (await self._on_a_gpu((kind,), limit))[kind]

    async def expected_costs(self) -> dict[JobKind, float]:
        """Return how many GPU hours a job of each kind should take."""
        found = await self._on_a_gpu(tuple(JobKind), _NEWEST)
        return {kind: expected_gpu_h(kind, seconds) for kind, seconds in found.items()}

    async def _on_a_gpu(self, kinds: tuple[JobKind, ...], limit: int) -> dict[JobKind, list[float]]:
        """Return what the newest of each kind took, in seconds, with one question."""
        found: dict[JobKind, list[float]] = {kind: [] for kind in kinds}
        async with self._engine.connect() as connection:
            for kind, seconds in await connection.execute(_newest_on_a_gpu(kinds, limit)):
                found[JobKind(kind)].append(float(seconds))
        return found


@lru_cache(maxsize=32)
def _newest_on_a_gpu(kinds: tuple[JobKind, ...], limit: int) -> CompoundSelect[Any]:
    newest = [
        select(jobs.c.kind, jobs.c.gpu_s)
        .where(jobs.c.kind == kind.value, jobs.c.state == JobState.SUCCEEDED.value)
        .order_by(jobs.c.id.desc())
        .limit(limit)
        .subquery()
        for kind in kinds
    ]
    return union_all(*(select(each.c.kind, each.c.gpu_s) for each in newest))
