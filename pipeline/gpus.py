"""The GPUs of this machine: which are here, which of them a worker sees, and that no other worker has them too."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import structlog

log = structlog.get_logger()

_QUERY = (
    "nvidia-smi",
    "--query-gpu=index,uuid,name,memory.total,driver_version",
    "--format=csv,noheader,nounits",
)
_MEMORY_QUERY = (
    "nvidia-smi",
    "--query-gpu=index,memory.used,memory.total",
    "--format=csv,noheader,nounits",
)
_ANSWERS_WITHIN_S = 10.0
_NAME = re.compile(r"[0-9]{1,4}|(GPU|MIG)-[A-Za-z0-9./-]{1,80}")
_UNPLAIN = re.compile(r"[^A-Za-z0-9.-]+")


class GpuError(Exception):
    """The worker cannot have the GPUs that it was told to use; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU. `uuid` is the same for every process, `index` is its place in nvidia-smi's list."""

    index: str
    uuid: str
    name: str = ""
    memory_gib: float = 0.0
    driver: str = ""


def named_gpus(text: str) -> tuple[str, ...]:
    """Return the GPUs that a text names as CUDA_VISIBLE_DEVICES does. Raises ValueError.

    An empty text names none, and so does one that begins with what no GPU is called, such as -1.
    """
    named = tuple(part.strip() for part in text.split(",") if part.strip())
    if named[:1] in ((), ("-1",), ("NoDevFiles",)):
        return ()
    if not all(_NAME.fullmatch(name) for name in named):
        raise ValueError("has to name GPUs by index or uuid, separated by commas, such as 0,1 or GPU-8932f937")
    return named


def gpus_here() -> tuple[Gpu, ...]:
    """Return the GPUs that nvidia-smi lists; none where it is missing or does not work."""
    if shutil.which(_QUERY[0]) is None:
        return ()
    try:
        asked = subprocess.run(_QUERY, capture_output=True, text=True, timeout=_ANSWERS_WITHIN_S, check=True)
        return tuple(_gpu_of(line) for line in asked.stdout.splitlines() if line.strip())
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        log.warning("gpu.not_listed", error=type(error).__name__)
        return ()


def _gpu_of(line: str) -> Gpu:
    index, uuid, name, memory_mib, driver = (part.strip() for part in line.split(","))
    is_told = memory_mib.replace(".", "", 1).isdigit()  # some share the machine's memory and say "[N/A]"
    return Gpu(index, uuid, name, float(memory_mib) / 1024 if is_told else 0.0, driver)


def gpu_memory() -> tuple[tuple[str, float, float], ...]:
    """Return the index of each GPU, its memory in use and its whole memory, in bytes; none where it is not told."""
    if shutil.which(_MEMORY_QUERY[0]) is None:
        return ()
    try:
        asked = subprocess.run(_MEMORY_QUERY, capture_output=True, text=True, timeout=_ANSWERS_WITHIN_S, check=True)
        rows = [[part.strip() for part in line.split(",")] for line in asked.stdout.splitlines() if line.strip()]
        return tuple((index, float(used) * 2**20, float(whole) * 2**20) for index, used, whole in rows)
    except (OSError, subprocess.SubprocessError, ValueError):  # some share the machine's memory and say "[N/A]"
        return ()


def visible_gpus(named: Sequence[str] | None, here: Sequence[Gpu]) -> tuple[Gpu, ...]:
    """Return the GPUs that are named, by index or uuid; all that are here when nobody names any.

    Raises GpuError for one that is not here, or named twice. A slice of a GPU (MIG) is taken by its name.
    """
    if named is None:
        return tuple(here)
    found = [_gpu_named(name, here) for name in named]
    if len({gpu.uuid for gpu in found}) < len(found):
        raise GpuError(f"A GPU is named twice in {','.join(named)}: name each once.")
    return tuple(found)


def _gpu_named(name: str, here: Sequence[Gpu]) -> Gpu:
    if not here or name.startswith("MIG-"):
        return Gpu(name, name)
    found = [gpu for gpu in here if gpu.index == name or (name.startswith("GPU-") and gpu.uuid.startswith(name))]
    if len(found) != 1:
        listed = ", ".join(f"{gpu.index} ({gpu.name})" for gpu in here)
        raise GpuError(
            f"There is no GPU {name} here. nvidia-smi lists {listed}: name these in TAXONOMY_PIPELINE_GPUS."
        )
    return found[0]


@contextmanager
def held_gpus(gpus: Sequence[Gpu], folder: Path, worker: str) -> Iterator[None]:
    """Hold each GPU for this worker alone, as long as the process lives. Raises GpuError for one that is taken.

    The system lets go of what a killed process held.
    """
    with ExitStack() as held:
        for gpu in gpus:
            held.enter_context(_held(gpu, folder, worker))
        yield


@contextmanager
def _held(gpu: Gpu, folder: Path, worker: str) -> Iterator[None]:
    path = folder / f"gpu-{_UNPLAIN.sub('_', gpu.uuid)}.lock"
    try:
        file = _opened(path)
    except OSError as error:
        raise GpuError(
            f"The lock {path} cannot be opened ({error.strerror}). Name a folder that all workers of this machine "
            "can write to in TAXONOMY_PIPELINE_RUNTIME_DIR."
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GpuError(
                f"GPU {gpu.index} {gpu.name} is taken by {_holder(file)}. Stop that worker, or give this one other "
                "GPUs in TAXONOMY_PIPELINE_GPUS."
            ) from None
        if file.writable():
            file.truncate(0)
            file.write(f"{worker}\n{os.getpid()}\n".encode())
            file.flush()
        yield


def _opened(path: Path) -> BinaryIO:
    """Open a lock's file; whoever made it, everybody on the machine may lock it, and nobody is led elsewhere."""
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o1777)
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
        os.fchmod(descriptor, 0o666)
        return os.fdopen(descriptor, "r+b", buffering=0)
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_NOFOLLOW), "r+b", buffering=0)
    except PermissionError:  # another user's: to hold it, reading is enough
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb", buffering=0)


def _holder(file: BinaryIO) -> str:
    """Return who wrote the lock last."""
    worker, _, process = file.read(200).decode("utf-8", "replace").partition("\n")
    if not process.strip().isdigit():
        return "another worker"
    return f"the worker {''.join(c for c in worker if c.isprintable())[:80]} (process {process.strip()})"
