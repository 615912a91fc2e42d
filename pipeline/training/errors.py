"""What ends a training run, and what the reader does next.

TrainingError
├── SamplesError      the data: nothing in it can be trained on
├── TemplateError     the tokenizer: no chat template, or one that cannot be read back
├── StudentError      the model: missing, damaged, or of a kind that is never loaded
├── AdapterError      the adapter: damaged, or made for another model
├── MemoryShortError  the machine: too small for these settings; says which would fit
├── CheckpointError   the disk: full, or not to be written to; the last good checkpoint is kept
└── DivergedError     the run: the loss is no number any more; the last good checkpoint is kept
"""

from __future__ import annotations


class TrainingError(Exception):
    """Training cannot start or go on; the text says why and what to do."""


class SamplesError(TrainingError):
    """There is nothing to train on."""


class TemplateError(TrainingError):
    """The tokenizer has no chat template, or one that does not tell roles from what is said."""


class StudentError(TrainingError):
    """The model cannot be loaded."""


class AdapterError(TrainingError):
    """The adapter cannot be loaded onto this model."""


class MemoryShortError(TrainingError):
    """The memory does not suffice."""


class CheckpointError(TrainingError):
    """A checkpoint cannot be written."""


class DivergedError(TrainingError):
    """The loss or the gradient is not finite."""
