"""An evaluation whose process is killed in mid-training: the next attempt goes on, and finds out the same."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.contract import Artifact, Ending, TaskKind
from pipeline.evaluation_results import EvaluateResult
from pipeline.tasks.kept import kept_folder
from pipeline.training.settings import PRESETS, Preset
from tests.evaluation.jobs import Jobs
from tests.evaluation.tiny import TinyFolders
from tests.training.students import a_row

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

WEEK_S = 7 * 24 * 3600


class _Killed(Jobs):
    "A worker whose process is killed, by the system, when it says this."

    at = ""

    def _tell(self, share: float, stage: str) -> None:
        if self.at and stage.startswith(self.at):
            os.kill(os.getpid(), signal.SIGKILL)
        super()._tell(share, stage)

    def is_killed(self, at: str, inputs: Mapping[str, Artifact]) -> None:
        "Evaluate in a process that dies there."
        process = os.fork()
        if process == 0:
            self.at = at
            self.does(TaskKind.EVALUATE, inputs)
            os._exit(0)
        assert os.waitpid(process, 0)[1] == signal.SIGKILL


@pytest.fixture
def often_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    "A checkpoint after every second step."
    settings = PRESETS[Preset.PULL_REQUEST]
    changed = settings.having(checkpoint_steps=2, effective_batch=2, learning_rate=1e-2)
    monkeypatch.setitem(PRESETS, Preset.PULL_REQUEST, changed)  # type: ignore[misc]


def _inputs(jobs: Jobs) -> Mapping[str, Artifact]:
    questions = [
        {"id": f"q{n}", "question": f"What of {n}?", "choices": ["one", "two", "three"], "answer": n % 3}
        for n in range(12)
    ]
    found: dict[str, Artifact] = jobs.samples([a_row(number, 4) for number in range(10)], questions)
    return found


def _said(result: EvaluateResult) -> Any:
    return result.rows, result.adapter.sha256, result.seeds, result.data


@pytest.mark.usefixtures("often_kept")
def test_a_killed_evaluation_goes_on_and_finds_out_the_same(tiny: TinyFolders, tmp_path: Path) -> None:
    "In the first training, then in the second: nothing is learnt twice, and every number is that of a quiet run."
    quiet, jobs = (_Killed(tmp_path / name, tiny.base) for name in ("quiet", "jobs"))
    for each in (quiet, jobs):
        each.folder.mkdir()
        each.settings |= {"evaluate_seeds": 2}
    _, expected = quiet.evaluates(_inputs(quiet))
    inputs = _inputs(jobs)
    jobs.is_killed("training 1 of 2: step 8 of", inputs)
    (kept,) = (jobs.folder / "work" / "trainings").iterdir()
    assert [place.name for place in (kept / "training-0" / "checkpoints").iterdir()]
    jobs.is_killed("training 2 of 2: step 12 of", inputs)
    outcome, found = jobs.evaluates(inputs)
    assert outcome.ending is Ending.SUCCEEDED
    assert "training 1 of 2 was done in an earlier attempt, and is not done twice" in jobs.noted
    assert "going on from the checkpoint of step 10" in jobs.noted
    assert _said(found) == _said(expected)
    assert not kept.exists()
    assert not any((quiet.folder / "work" / "trainings").iterdir())


@pytest.mark.usefixtures("often_kept")
def test_other_samples_settings_or_students_begin_anew(tiny: TinyFolders, tmp_path: Path) -> None:
    "What was broken off belongs to its model, samples and settings alone."
    jobs = _Killed(tmp_path, tiny.base)
    jobs.is_killed("training: step 6 of", _inputs(jobs))
    outcome, _ = jobs.evaluates(jobs.samples([a_row(number, 5) for number in range(4)]))
    assert outcome.ending is Ending.SUCCEEDED
    assert not [line for line in jobs.noted if "going on" in line]
    assert len(list((tmp_path / "work" / "trainings").iterdir())) == 1


def test_two_that_do_the_same_do_not_share_a_folder(tmp_path: Path) -> None:
    "The second works in its own; a failed one leaves what it has, and one that is done leaves nothing."
    spare = tmp_path / "spare"
    with kept_folder(tmp_path, "key", spare) as one, kept_folder(tmp_path, "key", spare) as other:
        assert (one, other) == (tmp_path / "key", spare)
        (one / "file").touch()
    assert not one.exists()
    with contextlib.suppress(OSError), kept_folder(tmp_path, "key", spare) as one:
        (one / "file").touch()
        raise OSError
    with kept_folder(tmp_path, "key", spare) as again:
        assert (again / "file").exists()


def test_what_nobody_came_back_to_is_removed(tmp_path: Path) -> None:
    "After a week, and never under somebody's hands; links into other folders are not followed."
    elsewhere, long_ago = tmp_path / "elsewhere", time.time() - WEEK_S - 60
    parent = tmp_path / "trainings"
    for folder in (elsewhere, parent / "old", parent / "new"):
        (folder / "training-0").mkdir(parents=True)
    (parent / "link").symlink_to(elsewhere)
    os.utime(parent / "old", (long_ago, long_ago))
    os.utime(elsewhere, (long_ago, long_ago))
    with kept_folder(parent, "old of another", tmp_path / "spare") as held:
        os.utime(held, (long_ago, long_ago))
        with kept_folder(parent, "key", tmp_path / "spare"):
            pass
        assert held.exists()
    assert sorted(path.name for path in parent.iterdir()) == ["link", "new"]
    assert (elsewhere / "training-0").exists()
    shutil.rmtree(parent)
