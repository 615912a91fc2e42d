"""Weights on disk: safetensors only, whole, and told apart by a fingerprint; nothing here can run code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.training.errors import StudentError, TrainingError

_PICKLED = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
_LONGEST_HEADER = 100_000_000  # bytes; the format's own limit
_TASTE = 4096  # bytes at either end of a tensor


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where a tensor lies in a file."""

    name: str
    kind: str
    shape: tuple[int, ...]
    file: Path
    start: int
    end: int


def weight_files(folder: Path, error: type[TrainingError] = StudentError) -> list[Path]:
    """Return the weights of a model or an adapter in a folder. Raises `error` where they are not to be loaded."""
    if not folder.is_dir():
        raise error(f"{folder}: there is no such folder.")
    found = sorted(folder.glob("*.safetensors"))
    if not found:
        pickled = [file.name for file in sorted(folder.iterdir()) if file.suffix in _PICKLED]
        if pickled:
            raise error(
                f"{folder}: its weights are in {pickled[0]}, a pickle, which can run code when it is loaded; only "
                "safetensors are. Have its makers publish safetensors, or convert it where nothing can be harmed."
            )
        raise error(f"{folder}: there are no weights here (*.safetensors).")
    _check_index(folder, found, error)
    return found


def _check_index(folder: Path, found: list[Path], error: type[TrainingError]) -> None:
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return
    try:
        named = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError):
        raise error(f"{index}: this is no index of weights. Copy the model anew.") from None
    if missing := sorted(map(str, named - {file.name for file in found})):
        raise error(f"{folder}: {missing[0]} is missing, {len(missing)} files in all. Copy the model anew.")


def tensors_of(file: Path, error: type[TrainingError] = StudentError) -> Iterator[Tensor]:
    """Yield what a file holds by its header, once its size fits. Raises `error` for a damaged one."""
    damaged = error(f"{file}: this file is damaged, or its end is missing. Copy it anew, or have it made again.")
    with file.open("rb") as opened:
        size = int.from_bytes(opened.read(8), "little")
        if not 2 <= size <= _LONGEST_HEADER:
            raise damaged
        try:
            header = json.loads(opened.read(size))
            told = sorted((str(n), *_told(t)) for n, t in header.items() if n != "__metadata__")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise damaged from None
    ends = [end for *_, end in told]
    if max(ends, default=0) + 8 + size != file.stat().st_size:
        raise damaged
    for name, kind, shape, start, end in told:
        if not 0 <= start <= end:
            raise damaged
        yield Tensor(name, kind, shape, file, 8 + size + start, 8 + size + end)


def _told(said: Any) -> tuple[str, tuple[int, ...], int, int]:
    start, end = said["data_offsets"]
    return str(said["dtype"]), tuple(int(n) for n in said["shape"]), int(start), int(end)


def fingerprint(folder: Path) -> str:
    """Return a digest by which a model is told from another: of every tensor's name, kind, shape, and ends.

    However the tensors are spread over files, it is the same. It reads little: a check of the whole it is not.
    """
    found = sorted(
        (tensor for file in weight_files(folder) for tensor in tensors_of(file)), key=lambda tensor: tensor.name
    )
    digest = hashlib.sha256()
    for tensor in found:
        digest.update(json.dumps([tensor.name, tensor.kind, tensor.shape]).encode())
        with tensor.file.open("rb") as opened:
            for at in (tensor.start, max(tensor.start, tensor.end - _TASTE)):
                opened.seek(at)
                digest.update(opened.read(min(_TASTE, tensor.end - at)))
    return digest.hexdigest()
