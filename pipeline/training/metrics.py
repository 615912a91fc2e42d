"""Metrics: one line of JSON for each step and each look at the dev samples."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# operations a second in 16 bits without sparsity, in 10^12, by what a GPU calls itself; the makers' data sheets
_PEAK_TFLOPS = {
    "B200": 2250.0,
    "H200": 989.0,
    "H100 PCIe": 756.0,
    "H100 NVL": 835.0,
    "H100": 989.0,
    "A100": 312.0,
    "A10G": 70.0,
    "A10": 125.0,
    "L40S": 362.0,
    "L40": 181.0,
    "L4": 121.0,
    "A6000": 155.0,
    "V100": 125.0,
    "T4": 65.0,
}


@dataclass(frozen=True, slots=True)
class Work:
    """What a token costs: the weights of the layers, and those of the head where an answer is asked for.

    `width` and `layers` tell attention's share, which grows with the length of a sample.
    """

    in_layers: int
    in_head: int
    learning: int
    layers: int
    width: int

    def flops(self, tokens: int, counted: int, squares: int) -> float:
        """Return the operations of a training step; `squares` is the sum of its samples' squared lengths.

        Forward 2 for each weight, backward 2 for what passes through it and 2 where it learns. What gradient
        checkpointing computes again does not count. Source: Chowdhery et al. 2022 (PaLM), appendix B, causal.
        """
        of_weights = 4.0 * (tokens * self.in_layers + counted * self.in_head) + 2.0 * tokens * self.learning
        of_attention = 3.0 * 2.0 * self.layers * self.width * squares
        return of_weights + of_attention


def peak_flops(gpu: str) -> float | None:
    """Return the operations a second that a GPU of this name can do in 16 bits, None for one that is not known."""
    for name, tflops in _PEAK_TFLOPS.items():
        if name in gpu:
            return tflops * 1e12
    return None


class Metrics:
    """A file of rows, one a line. A run that is taken up again goes on behind the step it starts from."""

    def __init__(self, path: Path, after_step: int = 0) -> None:
        self._path = path
        kept = [row for row in read_metrics(path) if int(row.get("step", 0)) <= after_step] if after_step else []
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(map(_line, kept)), encoding="utf-8")

    def add(self, row: Mapping[str, Any]) -> None:
        """Append a row; whoever reads the file sees it at once."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(row))


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, sort_keys=True) + "\n"


def read_metrics(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file, none when there is none; a last line that was cut is passed over."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            yield row
