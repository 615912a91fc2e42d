"""Jobs from the queue to their one honest end, with a real Redis and workers as processes of their own."""

from __future__ import annotations

from pathlib import Path

from bot.jobs import JobState
from pipeline.evaluation_results import SeedCheckResult
from tests.jobs.workshop import Workshop


async def test_a_precheck_is_done_and_its_result_kept(tmp_path: Path) -> None:
    "The worker asks, works, reports; the result lies in the store under what it holds."
    async with Workshop(tmp_path) as workshop:
        workshop.starts_a_worker()
        job = await workshop.asks_for()
        over = await workshop.ends(job)
        assert over.life.state is JobState.SUCCEEDED
        assert over.life.outcome is not None
        assert over.life.outcome.result is not None
        result = SeedCheckResult.from_json(workshop.artifacts.get(over.life.outcome.result))
        assert len(result.rows) == 5
        assert result.method == "token F1"
