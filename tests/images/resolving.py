"""Whether what the images install goes together: `python -m tests.images.resolving`, a part of `make lint`.

The extras are those that the Containerfiles name, the versions those of constraints.txt. Only descriptions of
packages are read. Where no package index can be reached in time, this says so and lets everything else go on.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_WITHIN_S = 240
_PYTHON, _PLATFORM = "3.12", "x86_64-manylinux_2_28"  # of the base images
_UNREACHABLE = re.compile(r"Failed to fetch|error sending request|dns error|Could not connect|timed out", re.I)


def extras_of(containerfile: Path) -> list[str]:
    "Return the extras of ours that a Containerfile installs."
    text = containerfile.read_text()
    named = re.findall(r"--extra[= ]([a-z0-9]+)", text) + re.findall(r"^ARG EXTRAS=(\S+)$", text, re.MULTILINE)
    return sorted({extra for group in named for extra in group.split(",")})


def contradictions(extras: list[str]) -> str | None:
    "Return why these extras cannot be installed together, empty when they can; None when nobody can be asked."
    uv = Path(sys.executable).with_name("uv")
    with tempfile.TemporaryDirectory() as folder:
        command = [
            str(uv), "pip", "compile", "pyproject.toml", "--quiet", "--constraint", "constraints.txt",
            "--python-version", _PYTHON, "--python-platform", _PLATFORM, "--output-file", f"{folder}/all.txt",
            *(part for extra in extras for part in ("--extra", extra)),
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, cwd=_ROOT, capture_output=True, text=True, timeout=_WITHIN_S, check=False
            )
        except subprocess.TimeoutExpired:
            return None
    if not done.returncode:
        return ""
    return None if _UNREACHABLE.search(done.stderr) else done.stderr.strip()


def main() -> int:
    "Print what was found. Returns 1 when an image could not be built."
    return max(_looked_at())


def _looked_at() -> Iterator[int]:
    for containerfile in (_ROOT / "Containerfile", _ROOT / "Containerfile.worker"):
        extras = extras_of(containerfile)
        found = contradictions(extras)
        if found is None:
            print(f"{containerfile.name}: skipped, no package index can be reached from here.")
        else:
            print(found or f"{containerfile.name}: {', '.join(extras)} can be installed together.")
        yield bool(found)


if __name__ == "__main__":
    sys.exit(main())
