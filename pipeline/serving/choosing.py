"""The next token of each row: the likeliest at temperature 0, else drawn, by the row's own chance alone."""

from __future__ import annotations

import random

import torch

from pipeline.serving.wanted import BrokenError

_GREEDY_BELOW = 1e-5


def choose(logits: torch.Tensor, temperature: float, top_p: float, rng: random.Random) -> int:
    """Return a token. What else is in the batch has no part in it.

    Shapes: logits (vocabulary,). Source: nucleus sampling, Holtzman et al. 2020, section 3.1.
    """
    if temperature < _GREEDY_BELOW:
        return int(logits.argmax())
    weights = torch.softmax(logits.double() / temperature, dim=-1)
    weights, order = weights.sort(descending=True, stable=True)
    sums = weights.cumsum(-1)
    if top_p < 1:
        kept = max(1, int((sums - weights < top_p).sum()))
        sums = sums[:kept]
    at = int(torch.searchsorted(sums, rng.random() * sums[-1], right=True))
    return int(order[min(at, len(sums) - 1)])


def checked(logits: torch.Tensor) -> torch.Tensor:
    """Return the logits if there is something to choose by. Raises BrokenError."""
    if bool(torch.isnan(logits).any()) or not bool(torch.isfinite(logits).any()):
        raise BrokenError(
            "The model gives no numbers for what comes next: its weights, or its adapter's, are broken."
        )
    return logits


def log_probs(logits: torch.Tensor, token: int, others: int) -> tuple[float, list[tuple[int, float]]]:
    """Return the log-probability of a token, and the likeliest tokens with theirs, at temperature 1."""
    every = torch.log_softmax(logits.double(), dim=-1)
    best = torch.topk(every, min(others, len(every)))
    return float(every[token]), list(zip(best.indices.tolist(), best.values.tolist(), strict=True))
