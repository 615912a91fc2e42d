"""Students and adapters that must not be served: each is refused in words, before the model is loaded."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.serving.loading import load
from pipeline.training import adapted
from pipeline.training.errors import AdapterError, StudentError, TrainingError
from tests.serving.students import write_random_adapter, write_student


def copied(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def pickled(folder: Path, name: str) -> None:
    "Weights that would run code."
    for file in folder.glob("*.safetensors"):
        file.unlink()
    (folder / name).write_bytes(pickle.dumps({"weights": 1}))


@pytest.fixture
def never_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    "Fails when the model is loaded after all."

    def loaded(*_: object) -> None:
        raise AssertionError("the model was loaded before all was looked at")

    monkeypatch.setattr(adapted, "load_student", loaded)


BAD_ADAPTERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "cut weights": (lambda folder: cut(folder / "adapter_model.safetensors"), "damaged, or its end is missing"),
    "pickled weights": (lambda folder: pickled(folder, "adapter_model.bin"), "a pickle, which can run code"),
    "no word of its base": (
        lambda folder: (folder / "base.json").unlink(),
        "nobody knows what this adapter is for",
    ),
    "no configuration": (lambda folder: (folder / "adapter_config.json").unlink(), "adapter_config.json"),
    "nothing": (shutil.rmtree, "there is no such folder"),
    "a header of lies": (
        lambda folder: (folder / "adapter_model.safetensors").write_bytes(b"\xff" * 64),
        "damaged, or its end is missing",
    ),
}


@pytest.mark.usefixtures("never_loaded")
@pytest.mark.parametrize("case", BAD_ADAPTERS)
def test_a_bad_adapter_is_refused(base: Path, adapters: dict[str, Path], tmp_path: Path, case: str) -> None:
    "In words, with its folder, and before the model costs time and memory."
    spoil, words = BAD_ADAPTERS[case]
    folder = copied(adapters["owls"], tmp_path / "owls")
    spoil(folder)
    with pytest.raises(TrainingError, match=words) as refused:
        load(base, {"bees": adapters["bees"], "owls": folder})
    assert str(folder) in str(refused.value)


@pytest.mark.usefixtures("never_loaded")
def test_an_adapter_of_another_base_is_refused(base: Path, tmp_path: Path) -> None:
    "Though every shape fits: the weights are others."
    other = write_student(tmp_path / "other", seed=2)
    adapter = write_random_adapter(tmp_path / "adapter", other, seed=0)
    with pytest.raises(AdapterError, match="was made for another model"):
        load(base, {"owls": adapter})


BAD_STUDENTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "cut weights": (lambda folder: cut(folder / "model.safetensors"), "damaged, or its end is missing"),
    "pickled weights": (lambda folder: pickled(folder, "pytorch_model.bin"), "a pickle, which can run code"),
    "no configuration": (lambda folder: (folder / "config.json").unlink(), "no config.json"),
    "code of its own": (
        lambda folder: (folder / "config.json").write_text(
            json.dumps({"model_type": "mine", "auto_map": {"AutoConfig": "evil.Config"}})
        ),
        "code of its own, which is never run",
    ),
    "no chat template": (lambda folder: (folder / "chat_template.jinja").unlink(), "no chat template"),
}


@pytest.mark.usefixtures("never_loaded")
@pytest.mark.parametrize("case", BAD_STUDENTS)
def test_a_bad_student_is_refused(base: Path, tmp_path: Path, case: str) -> None:
    "In words, with its folder."
    spoil, words = BAD_STUDENTS[case]
    folder = copied(base, tmp_path / "tiny")
    spoil(folder)
    with pytest.raises(StudentError, match=words):
        load(folder, {})


def test_a_student_without_numbers_is_refused(base: Path, tmp_path: Path) -> None:
    "Weights that are NaN are found out before anybody is answered."
    from safetensors.torch import load_file, save_file

    folder = copied(base, tmp_path / "tiny")
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"].fill_(float("nan"))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(StudentError, match="gives no numbers"):
        load(folder, {})


@pytest.mark.usefixtures("never_loaded")
@pytest.mark.parametrize(
    ("more", "words"), [({"longest": 10**6}, "tokens at most"), ({"device": "abacus"}, "no device")]
)
def test_what_the_machine_or_the_model_cannot_is_refused(base: Path, more: dict[str, object], words: str) -> None:
    "More tokens than it was made for, and a device that there is not."
    with pytest.raises(StudentError, match=words):
        load(base, {}, **more)  # type: ignore[arg-type]
