"""From merged pull requests to a served model, with the real bot, a real worker and a student that is trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.small_nights import WEIGHTS, begun, good, published, small_night, step_that
from bot.demo.night_stage import NightStage
from bot.jobs import JobState
from bot.store.stored_jobs import StoredJob
from tests.training.students import a_student

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

_EPOCHS = 2


@pytest.mark.timeout(480)  # some forty seconds on a machine that has nothing else to do
async def test_a_killed_build_is_the_undisturbed_one_byte_by_byte(tmp_path: Path) -> None:
    "It is published, reported and promoted; done anew, with its worker killed in mid-training, it is equal."
    student = a_student(tmp_path / "student", max_position_embeddings=1024)
    async with small_night(student, _EPOCHS) as (night, pulls):
        await begun(night, "undisturbed")
        build = await good(night)
        undisturbed = published(night, build)
        assert WEIGHTS in undisturbed
        said = await _reported(night)
        assert said["release"] == "candidate"
        assert said["stands_in"]
        assert [pull["number"] for pull in said["pulls"]] == [pull.number for pull in pulls]
        assert not list(night.folder.glob("taxonomy-bot-models/*/latest.json"))
        status, out = await night.types("promote", build.name, "--by", "max")
        assert (status, "is served now" in out) == (0, True), out
        (latest,) = night.folder.glob("taxonomy-bot-models/*/latest.json")
        assert json.loads(latest.read_text())["name"] == build.name

        again = await begun(night, "killed")
        await step_that(night, again, lambda steps: _is_learning(night, steps), 90)
        await night.workers[0].dies()
        night.workers[0].start()
        again = await good(night)
        (trained,) = [job for job in await night.steps(again) if job.request.step == "train/knowledge"]
        assert trained.life.attempt == 2
        assert published(night, again) == undisturbed


async def _reported(night: NightStage) -> dict[str, object]:
    status, out = await night.types("report", "--json")
    assert status == 0, out
    return dict(json.loads(out))


def _is_learning(night: NightStage, steps: Mapping[str, StoredJob]) -> bool:
    "True in the middle of the first training, when a part of it is on the disk."
    job = steps.get("train/knowledge")
    if job is None or job.life.state is not JobState.RUNNING:
        return False
    return any(night.folder.glob("work/trainings/build-*/epochs/epoch-01"))
