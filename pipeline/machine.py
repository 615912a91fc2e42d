"""What the machine is that a number comes from."""

from __future__ import annotations

import platform
import socket
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pipeline.contract import Machine
from pipeline.gpus import Gpu

_NAMED = ("taxonomy-bot", "torch", "transformers", "peft", "vllm", "lm-eval")


def this_machine(gpus: Sequence[Gpu]) -> Machine:
    """Return the host, the GPUs that are seen, their memory together, and the versions of what computes."""
    versions = {"python": platform.python_version()}
    for name in _NAMED:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    versions |= {"driver": gpus[0].driver} if gpus and gpus[0].driver else {}
    torch = sys.modules.get("torch")  # loading it for this alone would take seconds
    if torch is not None and torch.version.cuda:
        versions["cuda"] = str(torch.version.cuda)
    names, memory_gib = [gpu.name for gpu in gpus], sum(gpu.memory_gib for gpu in gpus)
    if torch is not None and not any(names):
        names, memory_gib = _known_to_torch(torch)
    return Machine(socket.gethostname(), _counted(names), round(memory_gib, 2), versions)


def _known_to_torch(torch: Any) -> tuple[list[str], float]:
    """Return names and memory of the GPUs that torch computes on, for machines without nvidia-smi."""
    if not torch.cuda.is_available():
        return [], 0.0
    found = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    return [str(each.name) for each in found], sum(each.total_memory for each in found) / 2**30


def _counted(names: Sequence[str]) -> str:
    """Return the names, equal ones counted: "2 x NVIDIA H100"."""
    kinds = dict.fromkeys(name for name in names if name)
    return ", ".join(f"{names.count(kind)} x {kind}" if names.count(kind) > 1 else kind for kind in kinds)
