"""Train: a phase of the build, a checkpoint an epoch; what was killed goes on from its last whole state."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.build_orders import MIX, MODEL, Phase, in_folder, selecting
from pipeline.build_results import MixResult, SelectResult, TrainedCheckpoint, TrainResult
from pipeline.building.orders_at_hand import AtHand, same_student
from pipeline.building.phase_settings import phase_settings
from pipeline.building.step_work import step_done
from pipeline.contract import Artifact, Ending, JobSpec, LogLevel, Outcome
from pipeline.evaluation.students import free_memory, identity_of, package_versions
from pipeline.evaluation_results import ModelIdentity
from pipeline.mixing import DEV, TRAIN
from pipeline.tasks.bench import Bench
from pipeline.tasks.inputs import InputError
from pipeline.tasks.kept import kept_folder
from pipeline.training.settings import TrainingSettings

if TYPE_CHECKING:
    from pipeline.training.training import Trained

_TRAININGS = "trainings"  # those that were broken off, in the worker's folder
METRICS = "metrics.jsonl"  # of the training, stored beside its checkpoints
QUIET = ("HF_HUB_OFFLINE", "TQDM_DISABLE", "HF_DATASETS_DISABLE_PROGRESS_BARS")  # fetch and draw nothing


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a phase begins from: a model in a folder, and the student that the whole build began from."""

    model: Path
    identity: ModelIdentity
    student: ModelIdentity


def train_step(spec: JobSpec, bench: Bench) -> Outcome:
    """Train a phase. Raises ContributionError when its samples cannot be learnt from, InputError."""
    return step_done(spec, bench, _trained)


def phase_of(step: str) -> Phase:
    """Return the phase that a step belongs to. Raises InputError."""
    named = step.split("/")[1:2]
    if not named or named[0] not in set(Phase):
        raise InputError(f"The step {step!r} names no phase. An operator updates bot and workers alike.")
    return Phase(named[0])


def beginning_of(hand: AtHand, model: Path, folder: Path, *, is_student: bool) -> Beginning:
    """Return what a phase begins from: the student, or else the selected model of knowledge, fetched to a folder.

    Raises OtherStudentError, and InputError where that model did not come.
    """
    if is_student:
        student = same_student(model, [])
        return Beginning(model, student, student)
    step = selecting(Phase.KNOWLEDGE)
    before = hand.result(step, SelectResult)
    student = same_student(model, [before.student])
    place = hand.fetch_folder(step, MODEL, folder)
    if identity_of(place).sha256 != before.model.sha256:
        raise InputError(
            f"The model of the step {step!r} is not the one that was selected. An operator has the build begin "
            "anew."
        )
    return Beginning(place, before.model, student)


def _trained(hand: AtHand, bench: Bench) -> Outcome:
    os.environ.update(dict.fromkeys(QUIET, "1"))
    phase, model = phase_of(hand.order.step), bench.settings.student_model
    assert model is not None  # noqa: S101 - looked at before
    bench.tell(0.0, "fetching what to train with")
    phases = hand.result(MIX, MixResult).phases
    is_first = phase is Phase.KNOWLEDGE or Phase.KNOWLEDGE not in phases
    begins = beginning_of(hand, model, bench.folder / "base", is_student=is_first)
    mixed = phases.get(phase.value)
    if mixed is None:
        raise InputError(
            f"The mix has nothing for the phase of {phase}. An operator updates bot and workers alike."
        )
    data = tuple(
        hand.fetch(MIX, in_folder(phase.value, name), bench.folder / "data" / name) for name in (TRAIN, DEV)
    )
    settings = phase_settings(phase, bench.settings, hand.order.seed, mixed.samples)
    key = _key(phase, begins, mixed.sha256, settings)
    with kept_folder(bench.settings.work_dir / _TRAININGS, key, bench.folder / "training") as folder:
        trained = train_in(folder, begins.model, data, settings, bench)
        free_memory()
        bench.tell(0.92, "storing the checkpoints")
        kept = _kept(trained, folder, bench.settings.build_keep_checkpoints)
        files = tuple(_files(hand, kept, folder))
        result = _result(phase, begins, trained, kept, settings)
        stored = hand.put_result(result)
    said = f"{len(kept)} checkpoints of {trained.samples} samples in {trained.steps} steps"
    return Outcome(Ending.SUCCEEDED, said, stored, files, gpu_s=_gpu_s(trained))


def _key(phase: Phase, begins: Beginning, data: str, settings: TrainingSettings) -> str:
    """Return the digest by which a training is known: what it begins from, learns, and how."""
    said = {
        "phase": phase.value,
        "base": begins.identity.sha256,
        "data": data,
        "settings": settings.said(),
        "versions": package_versions(),
    }
    return f"build-{hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]}"


def train_in(
    folder: Path, model: Path, data: tuple[Path, ...], settings: TrainingSettings, bench: Bench
) -> Trained:
    """Train in a folder, go on there, or return what is there; what each epoch had learnt lies beside it."""
    from pipeline.training.training import REPORT, TrainingOrder, train

    def told(share: float, said: str) -> None:
        if said.startswith("step "):
            bench.tell(0.05 + 0.85 * share, f"training: {said}")
        else:
            bench.note(said, LogLevel.WARNING if "left out" in said else LogLevel.INFO)

    if (folder / REPORT).is_file() and not _has_epochs(folder):
        _emptied(folder)
    return train(TrainingOrder(model, data, settings), folder, told)


def _emptied(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _has_epochs(folder: Path) -> bool:
    """True when each epoch of a training that is over is there."""
    from pipeline.training.training import REPORT

    try:
        said = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        epochs = range(1, int(said["settings"]["epochs"]) + 1)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return all(epoch_folder(folder, number).is_dir() for number in epochs)


def epoch_folder(folder: Path, number: int) -> Path:
    """Return where a training keeps what was learnt up to the end of an epoch, counted from 1."""
    from pipeline.training.training import EPOCHS

    return folder / EPOCHS / f"epoch-{number:02d}"


def _kept(trained: Trained, folder: Path, most: int) -> list[TrainedCheckpoint]:
    """Return the checkpoints that are to be scored, oldest first: all, or those with the least dev loss."""
    from pipeline.training.training import EPOCHS

    places = sorted((folder / EPOCHS).glob("epoch-*"), key=lambda place: int(place.name.removeprefix("epoch-")))
    found = []
    for place in places:
        number = int(place.name.removeprefix("epoch-"))
        losses = trained.dev_losses
        found.append(TrainedCheckpoint(place.name, number, losses[number - 1] if number <= len(losses) else None))
    if most and len(found) > most:
        best = sorted(found, key=lambda each: (each.dev_loss if each.dev_loss is not None else 0.0, -each.epoch))
        found = sorted(best[:most], key=lambda each: each.epoch)
    return found


def _files(hand: AtHand, kept: list[TrainedCheckpoint], folder: Path) -> Iterator[Artifact]:
    for checkpoint in kept:
        yield from hand.put_folder(checkpoint.name, epoch_folder(folder, checkpoint.epoch))
    if (folder / METRICS).is_file():
        yield hand.put(METRICS, folder / METRICS)


def _result(
    phase: Phase, begins: Beginning, trained: Trained, kept: list[TrainedCheckpoint], settings: TrainingSettings
) -> TrainResult:
    lora = settings.lora
    said = replace(settings, lora=None).said() | (
        {"rank": lora.rank, "alpha": lora.alpha, "targets": ", ".join(lora.targets)} if lora else {}
    )
    return TrainResult(
        phase=phase,
        base=begins.identity,
        checkpoints=tuple(kept),
        settings={
            name: ", ".join(map(str, value)) if isinstance(value, tuple) else value
            for name, value in said.items()
            if value is not None
        },
        versions=package_versions(),
        samples=trained.samples,
        tokens=trained.tokens,
        took_s=trained.took_s,
        remarks=trained.left_out,
        student=begins.student,
        is_adapter=trained.is_adapter,
        dev_samples=trained.dev_samples,
    )


def _gpu_s(trained: Trained) -> float:
    import torch

    return trained.took_s if torch.cuda.is_available() else 0.0
