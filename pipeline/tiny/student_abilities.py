"""What the tiny student can do after its course: measured on readings that it has never seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from pipeline.tiny.student_pretraining import Line, foretold

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Ability:
    """How one kind of reading goes. `loss` is in nats per token, `ends` the share that stops where it should."""

    kind: str
    readings: int
    loss: float
    right_tokens: float  # share of the tokens that it foretells
    ends: float


def abilities(model: LlamaForCausalLM, lines: Sequence[Line], end: int) -> list[Ability]:
    """Return what it can do, a line for each kind of reading, by name; `end` is the token that ends a turn."""
    by_kind: dict[str, list[Line]] = {}
    for line in lines:
        by_kind.setdefault(line.kind, []).append(line)
    return [_ability(model, kind, by_kind[kind], end) for kind in sorted(by_kind)]


def _ability(model: LlamaForCausalLM, kind: str, lines: Sequence[Line], end: int) -> Ability:
    ordered = sorted(lines, key=lambda line: len(line.tokens))
    tokens = right = ends = 0
    loss = 0.0
    with torch.no_grad():
        for begin in range(0, len(ordered), _AT_ONCE):
            scores, wanted = foretold(model, ordered[begin : begin + _AT_ONCE])
            said = scores.argmax(-1)
            loss += float(functional.cross_entropy(scores, wanted, reduction="sum"))
            tokens += len(wanted)
            right += int((said == wanted).sum())
            ends += int(((said == end) & (wanted == end)).sum())
    return Ability(kind, len(lines), round(loss / tokens, 4), round(right / tokens, 4), round(ends / len(lines), 4))
