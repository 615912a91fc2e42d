"""Memory is estimated before anything is loaded: close to what is used, with advice where it does not suffice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig

from pipeline.training.batches import batch_of, loss_sum
from pipeline.training.errors import MemoryShortError
from pipeline.training.memory import (
    GIB,
    adapter_size,
    check,
    free_bytes,
    is_out_of_memory,
    need_of,
    shape_of,
    smaller,
)
from pipeline.training.packing import Micro
from pipeline.training.settings import PRESETS, Lora, Preset, Quantized, TrainingSettings
from pipeline.training.student import attend_in_packs
from pipeline.training.templates import Encoded
from tests.training.students import small

SEVEN_BILLION = LlamaConfig(
    vocab_size=32008,
    hidden_size=4096,
    intermediate_size=11008,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=32,
)
PULL_REQUEST = PRESETS[Preset.PULL_REQUEST]
WIDER = LlamaConfig(**small(hidden_size=128, intermediate_size=256, num_hidden_layers=4))


def kept_bytes(work: Callable[[], torch.Tensor]) -> int:
    "How much the backward pass keeps, weights not counted."
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if not isinstance(tensor, torch.nn.Parameter) and not (tensor.is_leaf and tensor.requires_grad):
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    alive = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: (alive.append(t), keep(t))[1], lambda t: t):
        alive.append(work())
    return sum(kept.values())


@pytest.mark.parametrize(
    "settings",
    [
        PULL_REQUEST,
        PULL_REQUEST.having(targets=("all-linear",)),
        PULL_REQUEST.having(dropout=0.0),
        PRESETS[Preset.KNOWLEDGE].having(gradient_checkpointing=False),
    ],
    ids=["LoRA", "LoRA on all layers", "LoRA without dropout", "every weight"],
)
def test_the_estimate_is_near_what_is_kept(settings: TrainingSettings) -> None:
    "Of activations and answers: not below what is measured by more than a tenth, nor above twice of it."
    kind: Any = AutoModelForCausalLM
    model = kind.from_config(WIDER)
    attend_in_packs(model)
    if settings.lora:
        targets = "all-linear" if settings.lora.targets == ("all-linear",) else list(settings.lora.targets)
        model = get_peft_model(model, LoraConfig(r=16, lora_dropout=settings.lora.dropout, target_modules=targets))
    model.train()
    sample = Encoded("one", tuple(n % 256 for n in range(256)), (True,) * 256)
    batch = batch_of(Micro((0, 1)), [sample, sample], torch.device("cpu"))
    measured = kept_bytes(lambda: loss_sum(model, batch, can_choose=True))
    need = need_of(shape_of(WIDER), replace(settings, micro_tokens=512), on_gpu=False)
    assert 0.9 * measured <= need.activations + need.answers <= 2 * measured


def test_adapters_are_counted_right() -> None:
    kind: Any = AutoModelForCausalLM
    for lora in (Lora(), Lora(targets=("all-linear",))):
        targets = "all-linear" if len(lora.targets) == 1 else list(lora.targets)
        model = get_peft_model(kind.from_config(WIDER), LoraConfig(r=16, target_modules=targets))
        learning = sum(each.numel() for each in model.parameters() if each.requires_grad)
        assert adapter_size(shape_of(WIDER), lora) == learning


def test_a_model_is_measured_without_being_loaded() -> None:
    "Seven billion weights are counted on a machine that could not hold them."
    shape = shape_of(SEVEN_BILLION)
    assert 6.7e9 < shape.parameters < 6.8e9
    assert shape.linear < shape.parameters - shape.vocabulary * shape.width


@pytest.mark.parametrize(
    ("settings", "gib", "advice"),
    [
        (PULL_REQUEST, 40, "--micro-tokens 2048"),
        (PULL_REQUEST, 20, "--gradient-checkpointing"),
        (PULL_REQUEST, 12, "--quantize 4bit --gradient-checkpointing"),
        (PRESETS[Preset.KNOWLEDGE], 80, "--lora"),
    ],
    ids=["a GPU of 40 GiB", "a GPU of 20 GiB", "a GPU of 12 GiB", "every weight on 80 GiB"],
)
def test_a_refusal_names_what_would_fit(settings: TrainingSettings, gib: int, advice: str) -> None:
    "And what it names does fit."
    shape = shape_of(SEVEN_BILLION)
    with pytest.raises(MemoryShortError) as error:
        check(shape, settings, 1_000, gib * GIB, on_gpu=True)
    assert f"and {gib}.0 GiB are free" in str(error.value)
    assert f"GiB: {advice}" in str(error.value)
    named = str(error.value).rsplit("GiB: ", 1)[1].rstrip(".")
    fitting = next(other for options, other in smaller(settings, 1_000, on_gpu=True) if options == named)
    check(shape, fitting, 1_000, gib * GIB, on_gpu=True)


def test_where_nothing_fits_that_is_said() -> None:
    with pytest.raises(MemoryShortError, match="take a smaller model or more memory"):
        check(shape_of(SEVEN_BILLION), PULL_REQUEST, 1_000, 2 * GIB, on_gpu=False)


def test_four_bits_are_no_advice_for_a_cpu() -> None:
    options = list(smaller(PRESETS[Preset.KNOWLEDGE], 100, on_gpu=False))
    assert not any(other.lora and other.lora.quantized is Quantized.FOUR_BIT for _, other in options)
    assert all(other.micro_tokens >= 256 for _, other in options)


def test_spreading_the_weights_needs_less_of_each_device() -> None:
    shape, full = shape_of(SEVEN_BILLION), PRESETS[Preset.KNOWLEDGE]
    assert need_of(shape, full, on_gpu=True).all > 80 * GIB > need_of(shape, full, on_gpu=True, devices=8).all


def test_the_free_memory_of_this_machine_is_told() -> None:
    assert 0 < free_bytes(torch.device("cpu")) < 1 << 50


def test_too_little_memory_is_known_by_what_torch_really_raises() -> None:
    "A tensor larger than any machine's memory."
    with pytest.raises(RuntimeError) as error:
        torch.empty(1 << 55, dtype=torch.uint8)
    assert is_out_of_memory(error.value)
    assert not is_out_of_memory(RuntimeError("shapes do not match"))


def test_a_run_that_does_not_fit_is_refused_before_it_starts(
    student: Path, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.training import learner
    from pipeline.training.training import TrainingOrder, train

    monkeypatch.setattr(learner, "free_bytes", lambda _: 1_000_000)
    with pytest.raises(MemoryShortError, match="Training needs about"):
        train(TrainingOrder(student, (samples,), PULL_REQUEST), tmp_path / "out")
    assert not (tmp_path / "out").exists()
