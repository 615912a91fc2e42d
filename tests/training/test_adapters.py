"""Adapters: they answer as they did when they were learnt, merge exactly, and fit no model but their own."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipeline.training.adapters import merge, with_adapter
from pipeline.training.errors import AdapterError, StudentError
from pipeline.training.settings import PRESETS, Preset
from pipeline.training.student import load_student
from pipeline.training.training import TrainingOrder, train
from pipeline.training.weights import fingerprint
from tests.training.students import a_student, rows, written

TOKENS = torch.arange(3, 43)[None]


@pytest.fixture(scope="module")
def adapter(student: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    "An adapter that was trained on the student, far enough to tell."
    folder = tmp_path_factory.mktemp("adapter")
    samples = written(folder / "samples.jsonl", rows())
    settings = PRESETS[Preset.TINY].having(learning_rate=2e-2, epochs=3, effective_batch=16, dropout=0.1)
    return train(TrainingOrder(student, (samples,), settings), folder / "out").folder


@torch.no_grad()
def answers(model: Any) -> torch.Tensor:
    return torch.as_tensor(model(input_ids=TOKENS, use_cache=False).logits)


def test_an_adapter_is_loaded_as_others_load_it(student: Path, adapter: Path) -> None:
    "What is written is the usual form: without us, peft reads it and answers the same."
    ours = answers(with_adapter(load_student(student, torch.float64), adapter))
    kind: Any = AutoModelForCausalLM
    plain = kind.from_pretrained(student, dtype=torch.float64).eval()
    before = answers(plain)
    theirs = answers(PeftModel.from_pretrained(plain, str(adapter)))
    assert torch.allclose(ours, theirs, atol=1e-12)
    assert not torch.allclose(ours, before, atol=1e-2)


def test_a_merged_model_answers_like_the_adapter(student: Path, adapter: Path, tmp_path: Path) -> None:
    "In float64 to 1e-12; it is a model of its own, with its tokenizer, and no pickle."
    apart = answers(with_adapter(load_student(student, torch.float64), adapter))
    merge(load_student(student, torch.float64), adapter, tmp_path / "merged")
    kind: Any = AutoModelForCausalLM
    merged = kind.from_pretrained(tmp_path / "merged", dtype=torch.float64).eval()
    assert torch.allclose(answers(merged), apart, rtol=0, atol=1e-12)
    assert AutoTokenizer.from_pretrained(tmp_path / "merged").chat_template
    assert not list((tmp_path / "merged").glob("*.bin"))


def test_merging_overwrites_nothing(student: Path, adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(StudentError, match="is there already"):
        merge(load_student(student, torch.float32), adapter, tmp_path)


def test_an_adapter_for_another_model_is_refused(adapter: Path, tmp_path: Path) -> None:
    "Also where all its shapes fit: the models differ in their weights alone."
    other = load_student(a_student(tmp_path / "other", seed=1), torch.float32)
    with pytest.raises(AdapterError, match="was made for another model"):
        with_adapter(other, adapter)


def test_a_fingerprint_tells_models_apart_and_knows_them_again(student: Path, tmp_path: Path) -> None:
    "It is the same for the same weights in several files, and another after the least of training."
    kind: Any = AutoModelForCausalLM
    model = kind.from_pretrained(student)
    model.save_pretrained(tmp_path / "parts", max_shard_size="20KB")
    assert len(list((tmp_path / "parts").glob("*.safetensors"))) > 2
    assert fingerprint(tmp_path / "parts") == fingerprint(student)
    with torch.no_grad():
        model.lm_head.weight[-1, -1] += 1e-3
    model.save_pretrained(tmp_path / "changed")
    assert fingerprint(tmp_path / "changed") != fingerprint(student)


def changed(**said: Any) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        config = json.loads((folder / "adapter_config.json").read_text())
        (folder / "adapter_config.json").write_text(json.dumps(config | said))

    return spoil


def cut(folder: Path) -> None:
    file = folder / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-9])


def pickled(folder: Path) -> None:
    (folder / "adapter_model.safetensors").unlink()
    (folder / "adapter_model.bin").write_bytes(pickle.dumps({"a": 1}))


def of_unknown_origin(folder: Path) -> None:
    (folder / "base.json").unlink()


def without_config(folder: Path) -> None:
    (folder / "adapter_config.json").unlink()


def with_a_list_for_config(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("[]")


SPOILT: dict[str, tuple[Callable[[Path], None], str]] = {
    "cut off": (cut, "damaged, or its end is missing"),
    "pickled": (pickled, "a pickle, which can run code"),
    "of unknown origin": (of_unknown_origin, "there is no base.json, so nobody knows what this adapter is for"),
    "without a configuration": (without_config, "there is no adapter_config.json"),
    "with a list for configuration": (with_a_list_for_config, "this is no JSON object"),
    "of another kind": (changed(peft_type="PREFIX_TUNING"), "this is no LoRA adapter"),
    "that scales otherwise": (changed(use_rslora=True), "sets use_rslora"),
    "that names code to import": (changed(megatron_config={"a": 1}), "sets megatron_config"),
    "that says what nobody knows": (changed(owl_config={"a": 1}), "sets owl_config"),
    "of another rank": (changed(r=3), "it does not fit this model"),
    "without a rank": (changed(r=None), "has no rank and alpha"),
    "for other layers": (changed(target_modules=["q_proj"]), "it does not fit this model"),
    "for layers that are not there": (changed(target_modules=["owl"]), "it does not fit this model"),
}


@pytest.mark.parametrize(("spoil", "said"), SPOILT.values(), ids=SPOILT)
def test_a_spoilt_adapter_is_refused(
    student: Path, adapter: Path, tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    shutil.copytree(adapter, tmp_path / "spoilt")
    spoil(tmp_path / "spoilt")
    with pytest.raises(AdapterError) as error:
        with_adapter(load_student(student, torch.float32), tmp_path / "spoilt")
    assert said in str(error.value)


def test_targets_that_the_model_has_not_are_refused(student: Path, samples: Path, tmp_path: Path) -> None:
    settings = PRESETS[Preset.TINY].having(targets=("owl_proj",))
    with pytest.raises(AdapterError, match="has no layers owl_proj to adapt"):
        train(TrainingOrder(student, (samples,), settings), tmp_path / "out")


def test_four_bits_need_a_gpu(student: Path, samples: Path, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    settings = PRESETS[Preset.TINY].having(quantized="4bit")
    with pytest.raises(StudentError, match="Four bits need a GPU"):
        train(TrainingOrder(student, (samples,), settings), tmp_path / "out")
