"""Rows that one model writes together: they join when they come, and leave when they are done.

Prompts of different lengths are padded on their left; what is computed for padding is never attended to. What was
computed for earlier tokens is kept, so that each step computes one token for each row.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import DynamicCache

from pipeline.training.errors import StudentError

_MOST_AT_ONCE = 8192  # tokens of prompts that are read in one go, padding included
_MOST_OFF = 0.05  # of the largest logit: as far as bfloat16 goes


class Batch:
    """The rows that are being written, by their numbers in order. Only one thread may use it.

    `read` and `step` return the logits for the next token of each row concerned. Shapes: (rows, vocabulary).
    """

    def __init__(self, model: Any, device: torch.device) -> None:
        self._model = model
        self._device = device
        self._kept: list[tuple[torch.Tensor, torch.Tensor]] = []  # keys and values of each layer
        self._mask = torch.zeros((0, 0), dtype=torch.long, device=device)

    def __len__(self) -> int:
        return len(self._mask)

    def read(self, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
        """Let rows join at the end."""
        width = max(map(len, prompts))
        ids = torch.tensor([[0] * (width - len(p)) + list(p) for p in prompts], device=self._device)
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=self._device)
        places = (mask.cumsum(-1) - 1).clamp(min=0)
        logits, kept = self._run(ids, mask, places, DynamicCache())
        if len(self):
            kept = [
                (_joined(keys, new_keys, dim=-2), _joined(values, new_values, dim=-2))
                for (keys, values), (new_keys, new_values) in zip(self._kept, kept, strict=True)
            ]
            mask = _joined(self._mask, mask, dim=-1)
        self._kept, self._mask = kept, mask
        return logits

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """Go on with a token for each row."""
        places = self._mask.sum(-1, keepdim=True)
        mask = torch.cat([self._mask, torch.ones_like(self._mask[:, :1])], dim=-1)
        cache = DynamicCache()
        for layer, (keys, values) in enumerate(self._kept):
            cache.update(keys, values, layer)
        ids = torch.tensor([[token] for token in tokens], device=self._device)
        logits, self._kept = self._run(ids, mask, places, cache)
        self._mask = mask
        return logits

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these rows alone, in this order, and no column that is padding for all of them."""
        if not rows:
            self._kept, self._mask = [], self._mask[:0, :0]
            return
        chosen = torch.tensor(rows, device=self._device)
        mask = self._mask[chosen]
        first = int(mask.any(0).int().argmax())
        self._mask = mask[:, first:]
        self._kept = [(keys[chosen][..., first:, :], values[chosen][..., first:, :]) for keys, values in self._kept]

    @torch.inference_mode()
    def _run(
        self, ids: torch.Tensor, mask: torch.Tensor, places: torch.Tensor, cache: DynamicCache
    ) -> tuple[torch.Tensor, list[tuple[torch.Tensor, torch.Tensor]]]:
        said = self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=places,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        kept = [(layer.keys, layer.values) for layer in said.past_key_values.layers]
        return said.logits[:, -1].float(), kept


def _joined(rows: torch.Tensor, new: torch.Tensor, dim: int) -> torch.Tensor:
    """Return rows and new rows as one tensor, the shorter ones padded with zeros on their left."""
    width = max(rows.shape[dim], new.shape[dim])
    return torch.cat([_padded(rows, width, dim), _padded(new, width, dim)])


def _padded(rows: torch.Tensor, width: int, dim: int) -> torch.Tensor:
    if not (lacks := width - rows.shape[dim]):
        return rows
    shape = list(rows.shape)
    shape[dim] = lacks
    return torch.cat([rows.new_zeros(shape), rows], dim=dim)


def portions(lengths: Sequence[int]) -> list[list[int]]:
    """Return which prompts are read in one go: of like lengths, and not too much at once."""
    found: list[list[int]] = []
    for at in sorted(range(len(lengths)), key=lambda at: lengths[at]):
        if found and (len(found[-1]) + 1) * lengths[at] <= _MOST_AT_ONCE:
            found[-1].append(at)
        else:
            found.append([at])
    return found


def check_batches(model: Any, device: torch.device, folder: Path) -> None:
    """Try whether a row says the same alone and in company. Raises StudentError for a model of another kind."""
    rng = random.Random(0)  # noqa: S311 - any tokens will do
    size = int(model.get_input_embeddings().weight.shape[0])
    short, long, (one, other) = ([rng.randrange(size) for _ in range(count)] for count in (3, 11, 2))
    alone, together = Batch(model, device), Batch(model, device)
    try:
        alone.read([short])
        expected = [alone.step([one]), alone.step([other])]
        together.read([long])
        together.read([short])
        found = [together.step([other, one])[1:]]
        together.keep([1])
        found.append(together.step([other]))
    except (RuntimeError, ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
        why = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise StudentError(
            f"{folder}: this kind of model cannot be served here ({why}). Serve it by vLLM."
        ) from None
    for ours, theirs in zip(found, expected, strict=True):
        if not bool(torch.isfinite(ours).all()):
            raise StudentError(f"{folder}: this model gives no numbers: its weights are broken. Copy it anew.")
        if float((ours - theirs).abs().max()) > _MOST_OFF * max(float(theirs.abs().max()), 1.0):
            raise StudentError(
                f"{folder}: this kind of model says other things in company than alone. Serve it by vLLM."
            )
