"""What cannot be trained on, and what is never loaded: refused before anything is computed, in words that help."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.training.errors import SamplesError, StudentError, TemplateError, TrainingError
from pipeline.training.settings import PRESETS, Preset, TrainingSettings, TrainingSettingsError
from pipeline.training.training import TrainingOrder, train
from tests.training.students import a_row, a_student, written

TINY = PRESETS[Preset.TINY].having(effective_batch=8, epochs=1)


def refusal(student: Path, data: Path, out: Path, kind: type[TrainingError]) -> str:
    "Train, and return why not."
    with pytest.raises(kind) as error:
        train(TrainingOrder(student, (data,), TINY), out)
    assert not out.exists()
    return str(error.value)


QUESTION = {"role": "user", "content": "What hunts?"}
ANSWER = {"role": "assistant", "content": "Owls."}

NOTHING = {
    "no rows": ([], "there are no samples in it. Generate some"),
    "rows without messages": (
        [{"id": "a"}, {"id": "b", "messages": []}],
        "2 of the samples left out: there are no messages",
    ),
    "no assistant": ([{"messages": [QUESTION]}], "the assistant says nothing"),
    "an assistant that is silent": (
        [{"messages": [QUESTION, ANSWER | {"content": " \n"}]}],
        "the assistant says nothing",
    ),
    "an unknown role": ([{"messages": [QUESTION, {"role": "tool", "content": "x"}]}], "a message is not a role"),
    "content that is no text": ([{"messages": [QUESTION, ANSWER | {"content": ["x"]}]}], "a message is not a role"),
    "messages that are no messages": ([{"messages": ["owls", 7, None]}], "a message is not a role"),
    "all too long": ([a_row(n, 400) for n in range(3)], "3 of the samples left out: longer than 512 tokens"),
    "half of a character": ([{"messages": [QUESTION, ANSWER | {"content": "\ud800"}]}], "half a character"),
    "a line of a megabyte": ([{"messages": [QUESTION | {"content": "x" * 1_000_000}, ANSWER]}], "longer than 512"),
    "all for measuring": ([a_row(1, 3, "test")], "none of its 1 samples is for training"),
    "an unknown split": ([a_row(1, 3, "sometimes")], "metadata.split is none of train, dev, test"),
    "a split that is no text": ([a_row(1, 3) | {"metadata": {"split": ["train"]}}], "metadata.split is none of"),
    "a switch that is none": ([a_row(1, 3) | {"unmask": "yes"}], "unmask is neither true nor false"),
}


@pytest.mark.parametrize(("samples", "said"), NOTHING.values(), ids=NOTHING)
def test_data_with_nothing_to_learn_is_refused(
    student: Path, tmp_path: Path, samples: list[dict[str, Any]], said: str
) -> None:
    "The message says of how many samples why, and where they are."
    assert said in refusal(student, written(tmp_path / "data.jsonl", samples), tmp_path / "out", SamplesError)


def test_what_is_left_out_is_told_beside_what_is_learnt(student: Path, tmp_path: Path) -> None:
    "Nothing is lost in silence: it is in the result and in the report."
    samples = [a_row(1, 3), a_row(2, 400), {"messages": [QUESTION]}, a_row(3, 3) | {"id": 7}]
    lines: list[str] = []
    data = written(tmp_path / "data.jsonl", samples)
    found = train(TrainingOrder(student, (data,), TINY), tmp_path / "out", lambda _, said: lines.append(said))
    assert found.samples == 2
    assert found.left_out == (
        "1 of the samples left out: longer than 512 tokens (data.jsonl, row 2)",
        "1 of the samples left out: the assistant says nothing (data.jsonl, row 3)",
    )
    assert set(found.left_out) <= set(lines)
    report = json.loads((tmp_path / "out" / "training.json").read_text())
    assert report["left_out"] == {"longer than 512 tokens": 1, "the assistant says nothing": 1}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"messages": [\n', "data.jsonl, line 1: this is no JSON object"),
        (b"\xff\xfe\x00", "line 1"),
        (b"[1]\n", "line 1"),
        (b"[" * 200_000 + b"\n", "line 1"),
    ],
    ids=["cut JSON", "no text", "a list", "lists without an end"],
)
def test_a_file_that_holds_no_samples_is_refused(student: Path, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "data.jsonl").write_bytes(content)
    assert said in refusal(student, tmp_path / "data.jsonl", tmp_path / "out", SamplesError)


def test_a_place_without_samples_is_refused(student: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for place in ("empty", "nowhere", "nowhere.jsonl"):
        assert "there are no samples here" in refusal(student, tmp_path / place, tmp_path / "out", SamplesError)


def cut(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-50])


def cut_in_header(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:50])


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"a": 1}))


def without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def without_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def with_a_broken_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def with_code_of_its_own(folder: Path) -> None:
    (folder / "modeling_owl.py").write_text("raise SystemExit('it was run')")
    config = json.loads((folder / "config.json").read_text()) | {"model_type": "owl"}
    config["auto_map"] = {"AutoConfig": "modeling_owl.Config", "AutoModelForCausalLM": "modeling_owl.Model"}
    (folder / "config.json").write_text(json.dumps(config))


def with_a_missing_part(folder: Path) -> None:
    index = {"metadata": {}, "weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def with_a_hostile_header(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((1 << 62).to_bytes(8, "little") + b"{}")


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "cut off": (cut, "damaged, or its end is missing"),
    "cut off early": (cut_in_header, "damaged, or its end is missing"),
    "a header of any length": (with_a_hostile_header, "damaged, or its end is missing"),
    "pickled": (pickled, "a pickle, which can run code when it is loaded"),
    "without weights": (without_weights, "there are no weights here"),
    "without a configuration": (without_config, "there is no config.json here"),
    "with a broken configuration": (with_a_broken_config, "its config.json is no JSON"),
    "with code of its own": (with_code_of_its_own, "it brings code of its own, which is never run"),
    "with a part missing": (with_a_missing_part, "model-00002-of-00002.safetensors is missing"),
}


@pytest.mark.parametrize(("spoil", "said"), BROKEN.values(), ids=BROKEN)
def test_a_student_that_cannot_be_loaded_is_refused(
    student: Path, samples: Path, tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    shutil.copytree(student, tmp_path / "spoilt")
    spoil(tmp_path / "spoilt")
    assert said in refusal(tmp_path / "spoilt", samples, tmp_path / "out", StudentError)


def test_a_student_without_chat_template_is_refused(samples: Path, tmp_path: Path) -> None:
    folder = a_student(tmp_path / "base", template=None)
    assert "has no chat template" in refusal(folder, samples, tmp_path / "out", TemplateError)


def test_a_name_of_a_model_is_not_looked_up_anywhere(samples: Path, tmp_path: Path) -> None:
    "Only folders of this machine are models here."
    assert "there is no such folder" in refusal(Path("owls/owl-7b"), samples, tmp_path / "out", StudentError)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"epochs": 0}, "epochs is 0: it has to be 1 or more"),
        ({"effective_batch": -1}, "effective_batch is -1"),
        ({"rank": 0}, "rank is 0"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"targets": ("all-linear", "q_proj")}, "all-linear alone"),
        ({"targets": ()}, "names of layers"),
    ],
)
def test_settings_out_of_bounds_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(TrainingSettingsError, match=said):
        TrainingSettings().having(**changes)


def test_an_adapter_is_not_set_where_there_is_none() -> None:
    with pytest.raises(TrainingSettingsError, match="there is no adapter to set this for"):
        PRESETS[Preset.KNOWLEDGE].having(rank=8)
