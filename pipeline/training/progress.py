"""How far a run is: small enough to be written with each checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Progress:
    """How far a run is, as its checkpoints hold it. `epoch` counts whole ones."""

    micro_tokens: int
    step: int = 0
    epoch: int = 0
    tokens: int = 0
    computed: int = 0
    took_s: float = 0.0
    first_loss: float | None = None
    last_loss: float | None = None
    dev_losses: list[float] = field(default_factory=list)
    best_epoch: int = 0
    is_over: bool = False
    was_halved: bool = False

    def said(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)
