"""How long and how fast the tiny student is taught."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Course:
    """The course. Each token is read once."""

    tokens: int = 1_000_000
    batch_tokens: int = 2048
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    slow_down_share: float = 0.5  # of the steps, at the end, in which the learning rate falls to nothing
