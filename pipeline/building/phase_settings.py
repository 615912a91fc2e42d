"""How each phase of a build is trained, and how its student is asked."""

from __future__ import annotations

from dataclasses import replace

from pipeline.build_orders import Phase
from pipeline.evaluation.mmlu_tasks import Form
from pipeline.settings import PipelineSettings
from pipeline.training.settings import PRESETS, Lora, Preset, TrainingSettings

_ADAPTER_RATE = 1e-4  # of an adapter of a large model: it bears and needs more than all weights do
_TINY_FULL_RATE = 1e-3
_STEPS_OF_AN_EPOCH, _LEAST_BATCH = 20, 16


def phase_settings(phase: Phase, settings: PipelineSettings, seed: int, samples: int) -> TrainingSettings:
    """Return how a phase learns from so many samples, as the worker is set.

    A step is of fewer samples than the preset's where an epoch would have a handful of steps: presets are made for
    hundreds of thousands of samples, and a young community has hundreds.
    """
    is_tiny = settings.build_preset == "tiny"
    found = PRESETS[Preset.TINY if is_tiny else Preset(phase.value)]
    if settings.build_method == "full":
        found = replace(found, lora=None, learning_rate=_TINY_FULL_RATE if is_tiny else found.learning_rate)
    elif not is_tiny:
        found = replace(found, lora=Lora(), learning_rate=_ADAPTER_RATE)
    fitting = max(_LEAST_BATCH, samples // _STEPS_OF_AN_EPOCH)
    return replace(
        found,
        epochs=settings.build_epochs or found.epochs,
        effective_batch=min(found.effective_batch, fitting),
        seed=seed,
        keep_epochs=True,
        patience=0,
    )


def form_of(settings: PipelineSettings) -> Form:
    """Return what of a choice is scored: a tiny student knows no letters."""
    return Form.ANSWERS if is_tiny(settings) else Form.LETTERS


def is_tiny(settings: PipelineSettings) -> bool:
    """Return whether the student is a tiny one, by how it is to be taught; it is asked as in a chat then."""
    return settings.build_preset == "tiny" or settings.student_preset is Preset.TINY
