"""A precheck and its teacher: what the job says when the model answers, refuses or is missing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from pipeline.artifacts import ArtifactStore
from pipeline.contract import Ending, JobSpec, LogLevel, Outcome, TaskKind
from pipeline.evaluation_results import SeedCheckResult
from pipeline.settings import PipelineSettings
from pipeline.tasks.bench import Bench
from pipeline.tasks.precheck import CONTRIBUTION, precheck
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.pipeline.teaching_server import TeachingServer


async def prechecked(server: TeachingServer, folder: Path, **changes: Any) -> tuple[Outcome, ArtifactStore]:
    "Do the task as a worker does it, in a thread without an event loop."
    store = ArtifactStore(str(folder / "artifacts"))
    files = json.dumps({SKILL_PATH: a_skill()}).encode()
    spec = JobSpec(7, 1, TaskKind.PRECHECK, 1, 12, "c0ffee" + "0" * 34, 60.0)
    spec.inputs[CONTRIBUTION] = store.put("contribution.json", files, "application/json")
    settings = PipelineSettings(
        **(
            {"artifacts_url": str(folder / "artifacts"), "teacher_url": server.url, "teacher_model": "tiny"}
            | changes
        )
    )

    def tell(share: float, stage: str) -> None:
        assert 0 <= share <= 1

    def note(text: str, level: LogLevel = LogLevel.INFO) -> None:
        assert text

    return await asyncio.to_thread(precheck, spec, Bench(settings, folder, tell, note)), store


async def test_a_second_precheck_asks_nothing(tmp_path: Path) -> None:
    "With a cache the same questions are answered from it, with the same result."
    async with TeachingServer() as server:
        first, store = await prechecked(server, tmp_path, teacher_cache=tmp_path / "cache")
        asked = len(server.bodies)
        second, _ = await prechecked(server, tmp_path, teacher_cache=tmp_path / "cache")
    assert first.ending is Ending.SUCCEEDED
    assert asked == len(server.bodies) > 0
    assert first.result is not None
    assert first.result == second.result
    assert SeedCheckResult.from_json(store.get(first.result)).unanswered == 0


@pytest.mark.parametrize(("status", "words"), [(404, "the model tiny"), (401, "TEACHER_API_KEY"), (400, "none of")])
async def test_a_model_that_cannot_be_used_is_named(tmp_path: Path, status: int, words: str) -> None:
    "The job ends as our fault, with what an operator has to look at, and without the address."
    async with TeachingServer() as server:
        server.script.extend([lambda: web.Response(status=status)] * 100)
        outcome, _ = await prechecked(server, tmp_path)
    assert outcome.ending is Ending.INFRA_ERROR
    assert words in outcome.message
    assert "127.0.0.1" not in outcome.message
