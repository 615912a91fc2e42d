"""Packed or not, cut as one likes: the loss and the gradients are the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    PreTrainedModel,
    Qwen2Config,
)

from pipeline.training.attention import keeps_samples_apart
from pipeline.training.batches import batch_of, chooses_answers, loss_sum
from pipeline.training.packing import Micro
from pipeline.training.student import attend_in_packs
from pipeline.training.templates import Encoded
from tests.training.students import small

CPU = torch.device("cpu")
TOLERANCE = {torch.float64: 1e-9, torch.float32: 2e-5}

PACKING = {
    "Llama, heads shared": LlamaConfig(**small()),
    "Llama, every head its own": LlamaConfig(**small(num_key_value_heads=4)),
    "Mistral with a window of 5 tokens": MistralConfig(**small(sliding_window=5)),
    "Qwen 2 with biases": Qwen2Config(**small()),
}
NOT_PACKING = {
    "Mamba, which carries its state on": MambaConfig(
        vocab_size=261, hidden_size=32, num_hidden_layers=2, state_size=4
    ),
    "Gemma 2, which caps its scores": Gemma2Config(**small(head_dim=8, attn_logit_softcapping=50.0)),
}


def a_model(config: Any, dtype: torch.dtype = torch.float64) -> PreTrainedModel:
    "A model with weights that are large enough for samples to disturb each other."
    torch.manual_seed(0)
    kind: Any = AutoModelForCausalLM
    model: PreTrainedModel = kind.from_config(config).to(dtype).eval()
    with torch.no_grad():
        for each in model.parameters():
            each.mul_(3 if each.dim() > 1 else 1)
    return model


def some_samples() -> list[Encoded]:
    "Samples of several lengths, of which various tokens count."
    draw = torch.Generator().manual_seed(1)
    samples = []
    for number, length in enumerate((17, 3, 9, 1, 9, 26)):
        tokens = torch.randint(0, 256, (length,), generator=draw).tolist()
        counted = torch.randint(0, 2, (length,), generator=draw).bool().tolist()
        samples.append(Encoded(str(number), tuple(tokens), tuple(counted)))
    return samples


def alone(model: PreTrainedModel, samples: list[Encoded]) -> torch.Tensor:
    "The loss by the plainest way: each sample for itself, its labels shifted by hand."
    total = torch.zeros((), dtype=next(model.parameters()).dtype)
    for sample in samples:
        logits = model(input_ids=torch.tensor([sample.tokens]), use_cache=False).logits[0]
        for at in range(1, len(sample)):
            if sample.counted[at]:
                total = total + cross_entropy(
                    logits[at - 1][None], torch.tensor([sample.tokens[at]]), reduction="sum"
                )
    return total


def gradients(model: PreTrainedModel, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}


@pytest.mark.parametrize("dtype", TOLERANCE, ids=["float64, 1e-9", "float32, 2e-5"])
@pytest.mark.parametrize("config", PACKING.values(), ids=PACKING)
def test_a_pack_has_the_loss_and_the_gradients_of_its_samples(config: Any, dtype: torch.dtype) -> None:
    model, samples = a_model(config, dtype), some_samples()
    expected = alone(model, samples)
    right = gradients(model, expected)

    assert attend_in_packs(model)
    micros = [Micro((5, 0, 3)), Micro((1, 4, 2))]
    losses = [loss_sum(model, batch_of(m, samples, CPU), can_choose=chooses_answers(model)) for m in micros]
    found = gradients(model, torch.stack(losses).sum())

    assert float(sum(loss.detach() for loss in losses)) == pytest.approx(
        float(expected.detach()), rel=TOLERANCE[dtype]
    )
    assert found.keys() == right.keys()
    for name, each in found.items():
        assert float((each - right[name]).abs().max()) <= TOLERANCE[dtype] * max(
            1.0, float(right[name].abs().max())
        )


@pytest.mark.parametrize("config", [*PACKING.values(), *NOT_PACKING.values()], ids=[*PACKING, *NOT_PACKING])
def test_padded_batches_have_the_loss_of_their_samples(config: Any) -> None:
    "What models fall back on that cannot be packed; Mamba's answers come in float32, whatever it computes in."
    tolerance = 1e-6 if isinstance(config, MambaConfig) else 1e-9
    model, samples = a_model(config), some_samples()
    batch = batch_of(Micro((5, 0, 3, 1, 4, 2), is_padded=True), samples, CPU)
    for can_choose in {False, chooses_answers(model)}:
        found = loss_sum(model, batch, can_choose=can_choose).detach()
        assert float(found) == pytest.approx(float(alone(model, samples).detach()), rel=tolerance)


@pytest.mark.parametrize("config", PACKING.values(), ids=PACKING)
def test_a_model_that_can_be_packed_proves_it(config: Any) -> None:
    "In every precision: what samples do to each other when nothing keeps them apart is the measure."
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        model = a_model(config, dtype)
        assert attend_in_packs(model)
        assert keeps_samples_apart(model, CPU, 256)


@pytest.mark.parametrize("config", NOT_PACKING.values(), ids=NOT_PACKING)
def test_a_model_that_mingles_samples_is_found_out(config: Any) -> None:
    model = a_model(config)
    attend_in_packs(model)
    assert not keeps_samples_apart(model, CPU, 256)


def test_without_its_attention_no_model_is_packed() -> None:
    "A model of which the kind would do, but which attends to the whole pack, is found out, too."
    model = a_model(PACKING["Llama, heads shared"])
    model.config._attn_implementation = "eager"
    assert not keeps_samples_apart(model, CPU, 256)


def test_an_empty_micro_batch_learns_nothing() -> None:
    "A device without samples takes part in the exchange, with gradients of nothing."
    model = a_model(PACKING["Llama, heads shared"])
    assert attend_in_packs(model)
    found = gradients(model, loss_sum(model, batch_of(Micro(()), [], CPU), can_choose=True))
    assert all(not each.any() for each in found.values())


def test_the_first_token_of_a_sample_is_not_foretold_by_the_one_before() -> None:
    "Not even where it counts: in a pack another sample stands before it."
    model = a_model(PACKING["Llama, heads shared"])
    assert attend_in_packs(model)
    samples = [replace(sample, counted=(True, *sample.counted[1:])) for sample in some_samples()]
    found = loss_sum(model, batch_of(Micro((0, 1, 2)), samples, CPU), can_choose=True).detach()
    model.set_attn_implementation("sdpa")
    assert float(found) == pytest.approx(float(alone(model, samples[:3]).detach()), rel=1e-9)


def test_gradient_checkpointing_changes_no_gradient(student: Path) -> None:
    kind: Any = AutoModelForCausalLM
    model, samples = kind.from_pretrained(student, dtype=torch.float64).train(), some_samples()
    assert attend_in_packs(model)

    def found() -> dict[str, torch.Tensor]:
        return gradients(model, loss_sum(model, batch_of(Micro((0, 1, 2)), samples, CPU), can_choose=True))

    plain = found()
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    again = found()
    assert all(torch.equal(again[name], each) for name, each in plain.items())
