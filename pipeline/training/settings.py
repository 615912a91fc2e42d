"""Settings of a training run, and the presets of the two phases, of pull requests and of tiny students."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any


class TrainingSettingsError(Exception):
    """A setting cannot be used; the text names it and what it may be."""


class Preset(StrEnum):
    """Settings that belong together, by name."""

    KNOWLEDGE = "knowledge"
    SKILLS = "skills"
    PULL_REQUEST = "pull-request"
    TINY = "tiny"


class Quantized(StrEnum):
    """How the weights that do not learn are held."""

    NO = "no"
    FOUR_BIT = "4bit"


ALL_LINEAR = "all-linear"


@dataclass(frozen=True, slots=True)
class Lora:
    """A low-rank adapter. `targets` are names of layers, or `all-linear` alone."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.1
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    quantized: Quantized = Quantized.NO


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How to train. Without `lora` every weight learns."""

    learning_rate: float = 1e-4
    epochs: int = 3
    effective_batch: int = 16  # samples of one step, over all devices and micro-batches
    max_seq_len: int = 4096  # tokens; longer samples are left out, and counted
    warmup_steps: int = 10  # of short runs at most a third
    lora: Lora | None = Lora()
    micro_tokens: int = 4096  # tokens of one micro-batch at most, on each device
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float = 1.0
    gradient_checkpointing: bool = False
    is_packed: bool = True  # False: padded batches of like lengths, as for models that cannot be packed
    seed: int = 42
    checkpoint_steps: int = 50  # a checkpoint after so many steps, and after each epoch
    keep_checkpoints: int = 2
    keep_epochs: bool = False  # write what was learnt after each epoch, so that each can be scored
    patience: int = 2  # epochs in which the dev loss does not fall, then it stops; 0: never

    def __post_init__(self) -> None:
        for name, is_right, wanted in _RULES:
            value = getattr(self, name)
            if not is_right(value):
                raise TrainingSettingsError(f"{name} is {value}: it has to be {wanted}.")
        if self.lora is not None:
            _check_lora(self.lora)

    def having(self, **changes: Any) -> TrainingSettings:
        """Return them with changes, also of the adapter; None changes nothing. Raises TrainingSettingsError."""
        given = {name: value for name, value in changes.items() if value is not None}
        of_lora = {name: given.pop(name) for name in _LORA_NAMES & given.keys()}
        lora = given.pop("lora", self.lora)
        if of_lora and lora is None:
            raise TrainingSettingsError(
                f"{', '.join(sorted(of_lora))}: there is no adapter to set this for; every weight learns."
            )
        return replace(self, lora=replace(lora, **of_lora) if lora else None, **given)

    def said(self) -> dict[str, Any]:
        """Return them as plain values, for manifests and fingerprints."""
        return asdict(self)


def _check_lora(lora: Lora) -> None:
    if lora.rank < 1 or lora.alpha < 1:
        raise TrainingSettingsError(f"rank is {lora.rank}, alpha {lora.alpha}: both have to be 1 or more.")
    if not 0 <= lora.dropout < 1:
        raise TrainingSettingsError(f"dropout is {lora.dropout}: it has to be from 0 to below 1.")
    if not lora.targets or (ALL_LINEAR in lora.targets and len(lora.targets) > 1):
        raise TrainingSettingsError(f"targets have to be names of layers, or {ALL_LINEAR} alone.")


def _positive(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _not_negative(value: float) -> bool:
    return math.isfinite(value) and value >= 0


_RULES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("learning_rate", _positive, "more than 0"),
    ("clip", _positive, "more than 0"),
    ("weight_decay", _not_negative, "0 or more"),
    ("warmup_steps", _not_negative, "0 or more"),
    ("patience", _not_negative, "0 or more"),
    ("epochs", _positive, "1 or more"),
    ("effective_batch", _positive, "1 or more"),
    ("max_seq_len", _positive, "1 or more"),
    ("micro_tokens", _positive, "1 or more"),
    ("checkpoint_steps", _positive, "1 or more"),
    ("keep_checkpoints", _positive, "1 or more"),
)
_LORA_NAMES = {field.name for field in fields(Lora)}

_FULL = TrainingSettings(lora=None, warmup_steps=25, gradient_checkpointing=True, keep_epochs=True, patience=0)

PRESETS: dict[Preset, TrainingSettings] = {
    Preset.KNOWLEDGE: replace(_FULL, learning_rate=2e-5, epochs=7, effective_batch=128),
    Preset.SKILLS: replace(_FULL, learning_rate=6e-6, epochs=10, effective_batch=3840),
    Preset.PULL_REQUEST: TrainingSettings(),
    # what moves a model of a million parameters: the defaults for pull requests leave it as it is
    Preset.TINY: TrainingSettings(
        learning_rate=4e-3,
        epochs=20,
        effective_batch=8,
        lora=Lora(targets=(ALL_LINEAR,), dropout=0.0),
        max_seq_len=1024,
        patience=0,
    ),
}


def rate_at(step: int, steps: int, settings: TrainingSettings) -> float:
    """Return the learning rate of a step, counted from 0: a line up, then half a cosine down to nothing."""
    warmup = min(settings.warmup_steps, steps // 3)
    if step < warmup:
        return settings.learning_rate * (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1, steps - warmup)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
