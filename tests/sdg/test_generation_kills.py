"""`taxonomy-pipeline generate`, killed at random and started again: the same bytes, and nothing asked twice."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pipeline.datasets import read_jsonl
from pipeline.generation import SAMPLES
from pipeline.tiny.process import OfflineTeacherProcess
from tests.sdg.killed_runs import Taxonomy

FREEFORM, KNOWLEDGE = "compositional_skills/linguistics/words", "knowledge/science/mars"
SLOTS = 8
LOST_AT_ONCE = 100  # answers: those of the last tenth of a second, and those under way


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with OfflineTeacherProcess("--delay-ms", "15", "--slots", str(SLOTS)) as server:
        yield server.url


async def test_killed_at_random_and_resumed_it_is_the_same(url: str, tmp_path: Path) -> None:
    "Four kills at moments that a seed decides; then the data sets are those of a run that nobody disturbed."
    calm = Taxonomy(tmp_path / "calm", url, FREEFORM, KNOWLEDGE, seeds=4)
    await calm.whole()
    asked = await calm.requests()
    told = [block for file in calm.out.rglob("report.json") for block in json.loads(file.read_text())["blocks"]]
    assert sum(block["requests"] - block["from_cache"] for block in told) == asked

    killed = Taxonomy(tmp_path / "killed", url, FREEFORM, KNOWLEDGE, seeds=4)
    chance = random.Random(20)
    for moment in [chance.randrange(1, asked // 4) for _ in range(3)]:
        assert await killed.killed(lambda requests, moment=moment: requests >= moment)
    assert await killed.killed(lambda _: bool(killed.written()))
    said = await killed.whole()

    assert "were there already" in said
    assert killed.digests() == calm.digests()
    assert await killed.requests() - asked <= asked + 4 * LOST_AT_ONCE
    for samples in killed.out.rglob(SAMPLES):
        ids = [row["id"] for row in read_jsonl(samples)]
        assert len(set(ids)) == len(ids) > 5


async def test_a_second_run_does_nothing_and_says_so(url: str, tmp_path: Path) -> None:
    "No request; and where the data set is gone but the answers are there, none either, and it says that."
    taxonomy = Taxonomy(tmp_path, url, FREEFORM, seeds=2)
    await taxonomy.whole()
    asked, digests = await taxonomy.requests(), taxonomy.digests()
    times = {path: path.stat().st_mtime_ns for path in taxonomy.written()}

    said = await taxonomy.whole()

    assert "Nothing to do: this is up to date" in said
    assert {path: path.stat().st_mtime_ns for path in taxonomy.written()} == times
    for path in taxonomy.written():
        path.unlink()

    said = await taxonomy.whole()

    assert "Nothing to do" not in said
    report = json.loads((taxonomy.out / FREEFORM / "report.json").read_text())
    answers = sum(block["requests"] for block in report["blocks"])
    assert f"{answers}" in said
    assert f"answers of {answers} were there already" in said
    assert taxonomy.digests() == digests
    assert await taxonomy.requests() == asked
