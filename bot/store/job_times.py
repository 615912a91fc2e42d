"""How long jobs took that are done, for forecasts and estimates of cost."""

from __future__ import annotations

import json

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.budgets import expected_gpu_h
from bot.jobs import JobKind, JobState
from bot.store.tables import jobs
from pipeline.contract import outcome_from_data


class JobTimes:
    """Reads what jobs took."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def of_runs(self, kind: JobKind, limit: int = 50) -> list[float]:
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

    async def on_a_gpu(self, kind: JobKind, limit: int = 50) -> list[float]:
        """Return how long the newest successful jobs of a kind held a GPU, in seconds."""
        query = (
            select(jobs.c.gpu_s)
            .where(jobs.c.kind == kind.value, jobs.c.state == JobState.SUCCEEDED.value)
            .order_by(jobs.c.id.desc())
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            return [float(seconds) for seconds in (await connection.execute(query)).scalars()]

    async def expected_costs(self) -> dict[JobKind, float]:
        """Return how many GPU hours a job of each kind should take."""
        return {kind: expected_gpu_h(kind, await self.on_a_gpu(kind)) for kind in JobKind}
