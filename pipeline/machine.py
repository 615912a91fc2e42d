"""What the machine is that a number comes from."""

from __future__ import annotations

import platform
import shutil
import socket
import subprocess
from importlib.metadata import PackageNotFoundError, version

from pipeline.contract import Machine

_NAMED = ("taxonomy-bot", "torch", "transformers", "peft", "vllm", "lm-eval")
_QUERY = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits")


def this_machine() -> Machine:
    """Return the host, its first GPU if it has one, and the versions of what computes."""
    gpu, memory_gib = _gpu()
    versions = {"python": platform.python_version()}
    for name in _NAMED:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return Machine(socket.gethostname(), gpu, memory_gib, versions)


def _gpu() -> tuple[str, float]:
    if shutil.which(_QUERY[0]) is None:
        return "", 0.0
    try:
        asked = subprocess.run(_QUERY, capture_output=True, text=True, timeout=10, check=True)
        name, _, memory_mib = asked.stdout.splitlines()[0].rpartition(",")
        return name.strip(), float(memory_mib) / 1024
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return "", 0.0
