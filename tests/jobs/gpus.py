"""A machine with two GPUs, as far as anybody can tell without one: its nvidia-smi is a small program."""

from __future__ import annotations

from pathlib import Path

FIRST, SECOND = "GPU-0a1b2c3d-0000-0000-0000-000000000001", "GPU-9f8e7d6c-0000-0000-0000-000000000002"


def install_nvidia_smi(folder: Path) -> Path:
    "Put an nvidia-smi into a folder and return it, for PATH. It notes the GPUs that its caller sees in `seen`."
    programs = folder / "programs"
    programs.mkdir()
    smi = programs / "nvidia-smi"
    smi.write_text(
        "#!/bin/sh\n"
        f'echo "${{CUDA_VISIBLE_DEVICES-all}} $CUDA_DEVICE_ORDER" >> {folder}/seen\n'
        'test "$1" = --query-gpu=index,uuid,name,memory.total,driver_version || exit 2\n'
        'test "$2" = --format=csv,noheader,nounits || exit 2\n'
        f'echo "0, {FIRST}, NVIDIA H100 80GB HBM3, 81559, 570.86.15"\n'
        f'echo "1, {SECOND}, NVIDIA L4, 23034, 570.86.15"\n'
    )
    smi.chmod(0o755)
    return programs
