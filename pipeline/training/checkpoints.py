"""Checkpoints: all that a run needs to go on, in folders that are whole or not there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.datasets import write_json
from pipeline.training.errors import CheckpointError, TrainingError
from pipeline.training.folders import appearing
from pipeline.training.weights import tensors_of

_MANIFEST = "checkpoint.json"
_PREFIX = "step-"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A whole checkpoint. `progress` is what was written with it."""

    folder: Path
    step: int
    progress: Mapping[str, Any]


class Checkpoints:
    """The checkpoints of one run. Those of a run with another key are not taken up."""

    def __init__(self, folder: Path, key: str, keep: int) -> None:
        self.folder = folder
        self._key = key
        self._keep = keep

    def write(self, step: int, progress: Mapping[str, Any], write_state: Callable[[Path], None]) -> Checkpoint:
        """Write a checkpoint, then remove the oldest ones. Raises CheckpointError; those before are kept then."""
        place = self.place_of(step)
        try:
            with appearing(place) as fresh:
                write_state(fresh)
                sizes = {file.name: file.stat().st_size for file in sorted(fresh.iterdir()) if file.is_file()}
                said = {"key": self._key, "step": step, "progress": dict(progress), "sizes": sizes}
                write_json(fresh / _MANIFEST, said)
        except CheckpointError as error:
            raise CheckpointError(f"{error} {self._last_good()}") from error
        except OSError as error:
            raise CheckpointError(
                f"The checkpoint of step {step} could not be written to {self.folder}: {error.strerror}. "
                f"{self._last_good()}"
            ) from error
        for old in self._places()[self._keep :]:
            shutil.rmtree(old, ignore_errors=True)
        return Checkpoint(place, step, dict(progress))

    def place_of(self, step: int) -> Path:
        """Return the folder of a step's checkpoint, whether it is there or not."""
        return self.folder / f"{_PREFIX}{step:07d}"

    def newest(self, tell: Callable[[str], None] = lambda _: None) -> Checkpoint | None:
        """Return the newest whole checkpoint of this run; damaged ones are passed over, and told."""
        for place in self._places():
            found = _read(place)
            if found is None:
                tell(f"the checkpoint {place.name} is damaged, and passed over")
            elif found[0] == self._key:
                return found[1]
        return None

    def remove_all(self) -> None:
        """Remove every checkpoint: the run is done."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _places(self) -> list[Path]:
        return sorted(self.folder.glob(f"{_PREFIX}*"), reverse=True)

    def _last_good(self) -> str:
        return last_good(self.newest())


def last_good(found: Checkpoint | None) -> str:
    """Return what people are told when a run ends badly."""
    return (
        f"The last good checkpoint, of step {found.step}, is kept."
        if found
        else "There is no checkpoint before that."
    )


def _read(place: Path) -> tuple[str, Checkpoint] | None:
    """Return the key and the checkpoint, None for a damaged one."""
    try:
        said = json.loads((place / _MANIFEST).read_text(encoding="utf-8"))
        if all((place / name).stat().st_size == size for name, size in said["sizes"].items()):
            for file in place.glob("*.safetensors"):
                _look_through(tensors_of(file, CheckpointError))
            return str(said["key"]), Checkpoint(place, int(said["step"]), said["progress"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, TrainingError):
        return None
    return None


def _look_through(tensors: Iterator[Any]) -> None:
    for _ in tensors:
        pass
