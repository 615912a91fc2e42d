"""A checkpoint of a training as a whole model: its files, or its adapter in the weights that it was made for."""

from __future__ import annotations

from pathlib import Path

from pipeline.build_orders import training
from pipeline.build_results import TrainResult
from pipeline.building.orders_at_hand import AtHand
from pipeline.building.train_step import beginning_of
from pipeline.tasks.inputs import InputError


def whole_model(hand: AtHand, trained: TrainResult, checkpoint: str, student: Path, folder: Path) -> Path:
    """Return the folder of a checkpoint as a model of its own, in `folder`. Safetensors only.

    Raises InputError, OtherStudentError, TrainingError for files that are damaged.
    """
    place = hand.fetch_folder(training(trained.phase), checkpoint, folder / "checkpoint")
    if not trained.is_adapter:
        _without_pickles(place)
        return place
    is_first = trained.student is not None and trained.base.sha256 == trained.student.sha256
    begins = beginning_of(hand, student, folder / "base", is_student=is_first)
    if begins.identity.sha256 != trained.base.sha256:
        raise InputError(
            f"The checkpoints of the phase of {trained.phase} are adapters of another model. An operator has the "
            "build begin anew."
        )
    return merged(begins.model, place, folder / "whole")


def merged(base: Path, adapter: Path, place: Path) -> Path:
    """Write a model with an adapter in its weights, in the precision that the model has. Raises TrainingError."""
    import torch

    from pipeline.training.adapters import merge
    from pipeline.training.student import load_student, read_config

    said = getattr(read_config(base), "dtype", None)
    kind = said if isinstance(said, torch.dtype) else torch.float32
    merge(load_student(base, torch.float32), adapter, place, kind)
    return place


def _without_pickles(place: Path) -> None:
    from pipeline.training.weights import tensors_of, weight_files

    for file in weight_files(place):
        for _ in tensors_of(file):
            pass
