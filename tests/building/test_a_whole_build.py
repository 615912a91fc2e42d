"""A build from what was generated to its model: twice, and killed in between, it is the same to the last bit."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from pipeline.build_orders import Phase, selecting, training
from pipeline.contract import Ending, TaskKind
from pipeline.evaluation.students import identity_of
from pipeline.generation import Subject
from pipeline.training.settings import PRESETS, Preset
from tests.building.builds import Steps
from tests.building.test_mix_step import HAIKU, OWLS, samples
from tests.sdg.leaves import a_freeform_skill, some_knowledge

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


_SETTINGS: dict[str, Any] = {"build_preset": "tiny", "build_epochs": 2}


class _Mortal(Steps):
    "A worker whose process is killed by the system when it says this."

    at = ""

    def _tell(self, share: float, stage: str) -> None:
        if self.at and stage.startswith(self.at):
            os.kill(os.getpid(), signal.SIGKILL)
        super()._tell(share, stage)

    @property
    def steps_told(self) -> list[str]:
        "The steps that it has trained, as it told them."
        return [said.partition(",")[0] for _, said in self.told if said.startswith("training: step")]

    def is_killed_in(self, phase: Phase, at: str) -> None:
        "Train a phase in a process that dies there."
        process = os.fork()
        if process == 0:
            self.at = at
            self.does(TaskKind.TRAIN, self.order(training(phase)))
            os._exit(0)
        assert os.waitpid(process, 0)[1] == signal.SIGKILL


@pytest.fixture(autouse=True)
def _often_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = PRESETS[Preset.TINY].having(checkpoint_steps=2)
    monkeypatch.setitem(PRESETS, Preset.TINY, changed)  # type: ignore[misc]


def _begun(folder: Path, student: Path, **settings: str) -> _Mortal:
    folder.mkdir()
    steps = _Mortal(folder, student, {**_SETTINGS, **settings})
    steps.takes(OWLS, samples(steps, OWLS, 16))
    steps.takes(HAIKU, samples(steps, HAIKU, 16, "syllables"))
    return steps


def test_the_same_inputs_give_the_same_model_wherever_they_lie(student: Path, tmp_path: Path) -> None:
    "Another machine, another folder for the student, the leaves in another order: every file has the same hash."
    steps, again = (Steps(tmp_path / name, student, dict(_SETTINGS)) for name in ("here", "there"))
    for each in (steps, again):
        each.folder.mkdir()
        each.generates(Subject(some_knowledge()), Subject(a_freeform_skill()))
    knowledge, skills = steps.builds()
    assert knowledge.model.sha256 != skills.model.sha256
    assert knowledge.student == skills.student
    assert len(skills.scores) == 2
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(student, elsewhere)
    again.student = elsewhere
    again.leaves.reverse()
    again.builds()
    assert _models(again) == _models(steps)
    names = {name.rpartition(":")[2] for name in _models(steps)}
    assert {"model.model.safetensors", "model.tokenizer.json", "model.config.json"} <= names
    shares = [share for share, _ in steps.told]
    assert max(shares) <= 1
    assert min(shares) >= 0


def test_a_build_that_is_killed_in_its_trainings_gives_the_same_model(student: Path, tmp_path: Path) -> None:
    "In mid-phase, or after the last epoch and before anything is stored: nothing is learnt twice, or left on disk."
    quiet, steps = (_begun(tmp_path / name, student) for name in ("quiet", "killed"))
    quiet.builds()
    steps.mixes()
    steps.is_killed_in(Phase.KNOWLEDGE, "training: step 3 of")
    _goes_on(steps, Phase.KNOWLEDGE)
    assert "going on from the checkpoint of step 2" in steps.noted
    learnt = steps.steps_told
    assert learnt[0].startswith("training: step 3 of")
    steps.is_killed_in(Phase.SKILLS, "storing the checkpoints")
    _goes_on(steps, Phase.SKILLS)
    assert steps.steps_told == learnt
    assert _models(steps) == _models(quiet)
    assert list((steps.folder / "work" / "trainings").iterdir()) == []


def _goes_on(steps: _Mortal, phase: Phase) -> None:
    for checkpoint in steps.trains(phase).checkpoints:
        steps.scores(phase, checkpoint.name)
    steps.selects(phase)


def test_an_adapter_is_put_into_its_model_and_the_next_phase_begins_there(student: Path, tmp_path: Path) -> None:
    "What is selected is whole: it answers as the student with the adapter does, and holds no pickle."
    steps = _begun(tmp_path / "lora", student, build_method="lora")
    knowledge, skills = steps.builds()
    trained = steps.trains(Phase.SKILLS)
    assert trained.is_adapter
    assert trained.base == knowledge.model
    first = steps.folder_of(selecting(Phase.KNOWLEDGE), "model", tmp_path / "first")
    adapter = steps.folder_of(training(Phase.SKILLS), skills.checkpoint, tmp_path / "adapter")
    whole = steps.folder_of(selecting(Phase.SKILLS), "model", tmp_path / "whole")
    assert identity_of(whole).sha256 == skills.model.sha256
    assert {path.suffix for path in whole.iterdir()} == {".json", ".jinja", ".safetensors"}
    kind: Any = AutoModelForCausalLM
    apart = _answers(PeftModel.from_pretrained(kind.from_pretrained(first), str(adapter)).eval())
    assert torch.allclose(_answers(kind.from_pretrained(whole)), apart, atol=1e-4)
    assert not torch.allclose(_answers(kind.from_pretrained(first)), apart, atol=1e-3)


def test_one_phase_alone_begins_from_the_student(student: Path, tmp_path: Path) -> None:
    "Where no leaf teaches knowledge, skills are the first phase."
    steps = Steps(tmp_path, student, dict(_SETTINGS))
    steps.takes(HAIKU, samples(steps, HAIKU, 4))
    assert set(steps.mixes().phases) == {Phase.SKILLS}
    trained = steps.trains(Phase.SKILLS)
    assert trained.base == trained.student
    assert steps.does(TaskKind.TRAIN, steps.order(training(Phase.SKILLS))).ending is Ending.SUCCEEDED


@torch.no_grad()
def _answers(model: Any) -> torch.Tensor:
    return torch.as_tensor(model(input_ids=torch.tensor([[40, 50, 60, 70]]), use_cache=False).logits)


def _models(steps: Steps) -> dict[str, str]:
    return {role: file.sha256 for role, file in steps.files.items() if ":model." in role}
