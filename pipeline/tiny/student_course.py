"""How long and how fast the tiny student is taught."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Course:
    """The course. Each token is read once."""

    tokens: int = 1_200_000
    batch_tokens: int = 2048
    matrix_learning_rate: float = 0.02
    learning_rate: float = 3e-3  # of embeddings and norms
    slow_down_share: float = 0.4  # of the steps, at the end, in which the learning rates fall to nothing
