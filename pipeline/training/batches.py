"""Batches: samples as tensors, and the loss over them, which is computed for the counted tokens alone."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from pipeline.training.attention import pack_arguments
from pipeline.training.packing import Micro
from pipeline.training.templates import Encoded


@dataclass(frozen=True, slots=True)
class Batch:
    """One forward pass. `rows` and `columns` say which answers are asked for, `targets` the tokens that are right.

    Shapes: rows, columns, targets (counted,).
    """

    inputs: dict[str, Any]
    rows: torch.Tensor
    columns: torch.Tensor
    targets: torch.Tensor


def foretold(sample: Encoded) -> int:
    """Return how many tokens of a sample are learnt: the first of all has nothing before it to be foretold by."""
    return sum(sample.counted[1:])


def batch_of(micro: Micro, samples: Sequence[Encoded], device: torch.device) -> Batch:
    """Return the tensors of a micro-batch; an empty one computes a single token, and asks for nothing."""
    chosen = [samples[index] for index in micro.samples]
    if not chosen:
        empty = torch.zeros(0, dtype=torch.long, device=device)
        tokens = torch.zeros(1, 1, dtype=torch.long, device=device)
        return Batch({"input_ids": tokens, "position_ids": tokens}, empty, empty, empty)
    return (_padded if micro.is_padded else _packed)(chosen, device)


def _packed(chosen: Sequence[Encoded], device: torch.device) -> Batch:
    tokens = torch.tensor([token for sample in chosen for token in sample.tokens])
    counted = torch.tensor([c for sample in chosen for c in (False, *sample.counted[1:])])  # never the next one's
    at = counted.nonzero()[:, 0]
    inputs = {"input_ids": tokens[None].to(device), **pack_arguments([len(s) for s in chosen], device)}
    return Batch(inputs, torch.zeros_like(at).to(device), (at - 1).to(device), tokens[at].to(device))


def _padded(chosen: Sequence[Encoded], device: torch.device) -> Batch:
    """Return rows with padding behind: a causal model's answers for what stands before it are the same without."""
    longest = max(len(sample) for sample in chosen)
    tokens = torch.zeros(len(chosen), longest, dtype=torch.long)
    counted = torch.zeros(len(chosen), longest, dtype=torch.bool)
    for row, sample in enumerate(chosen):
        tokens[row, : len(sample)] = torch.tensor(sample.tokens)
        counted[row, 1 : len(sample)] = torch.tensor(sample.counted[1:], dtype=torch.bool)
    rows, columns = counted.nonzero(as_tuple=True)
    targets = tokens[rows, columns]
    return Batch({"input_ids": tokens.to(device)}, rows.to(device), (columns - 1).to(device), targets.to(device))


def loss_sum(model: torch.nn.Module, batch: Batch, *, can_choose: bool) -> torch.Tensor:
    """Return the sum of the counted tokens' losses, in float32 or finer. `can_choose`: see `chooses_answers`."""
    columns, within = torch.unique(batch.columns, return_inverse=True)
    inputs = batch.inputs | {"use_cache": False}
    if can_choose and len(columns):
        logits = model(**inputs, logits_to_keep=columns).logits
    else:
        logits, within = model(**inputs).logits, batch.columns
    if not len(columns):
        return torch.as_tensor(logits.sum() * 0.0)
    chosen = logits[batch.rows, within] if logits.shape[0] > 1 or not can_choose else logits[0]
    fine = chosen if chosen.dtype is torch.float64 else chosen.float()
    return cross_entropy(fine, batch.targets, reduction="sum")


def chooses_answers(model: torch.nn.Module) -> bool:
    """Return whether the model computes answers only where it is asked to; of a pack this saves most of them."""
    return "logits_to_keep" in inspect.signature(type(model).forward).parameters
