"""Yields: what a leaf's report says, as the job's result tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.generation import LeafData
from pipeline.results import BlockYield, LeafYield
from pipeline.sdg.flow import Makes
from pipeline.sdg.starts import Lesson


def yield_of(lesson: Lesson, data: LeafData) -> LeafYield:
    """Return the yield of a leaf."""
    measuring = {flow["name"] for flow in data.manifest["flows"] if flow["makes"] == Makes.QUESTIONS}
    blocks = [_block(each) for each in data.report["blocks"]]
    return LeafYield(
        data.path,
        data.samples,
        int(data.manifest["questions"]),
        len(lesson.seeds),
        len(data.manifest["held_out_seeds"]),
        tuple(block for block in blocks if block.flow not in measuring),
        tuple(block for block in blocks if block.flow in measuring),
    )


def _block(told: Mapping[str, Any]) -> BlockYield:
    return BlockYield(
        told["flow"],
        told["block"],
        told["in"],
        told["kept"],
        dict(told["dropped"]),
        sum(told["asked_again"].values()),
        told["requests"],
        told["from_cache"],
        told["prompt_tokens"] + told["completion_tokens"],
        told["seconds"],
    )
