"""Runs instructlab-sdg's own full flow for freeform skills: `python sdg_flow.py < ORDER`, in its own environment.

The order and what is said at the end are JSON. It needs instructlab-sdg and nothing of ours. Loading its libraries
is not counted.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
from typing import Any

import datasets
from instructlab.sdg.pipeline import FULL_PIPELINES_PACKAGE, Pipeline, PipelineContext
from openai import OpenAI

_FLOW = f"pipelines/{FULL_PIPELINES_PACKAGE.rpartition('.')[2]}/freeform_skills.yaml"  # below its own folder


def main() -> None:
    """Run the flow as ordered and print what came out."""
    order: dict[str, Any] = json.load(sys.stdin)
    logging.disable(logging.CRITICAL)
    datasets.disable_progress_bars()
    client = OpenAI(base_url=order["url"], api_key="none", max_retries=2, timeout=600)
    context = PipelineContext(
        client,
        model_family="mixtral",
        model_id=order["model"],
        num_instructions_to_generate=order["questions"],
        dataset_num_procs=order["processes"],
        batch_size=order["batch_size"],
        batch_num_workers=order["workers"],
    )
    leaves: list[list[dict[str, str]]] = order["leaves"]
    if order["together"]:
        leaves = [[sample for leaf in leaves for sample in leaf]]
    began, cpu = time.perf_counter(), _cpu_s()
    pipeline = Pipeline.from_file(context, _FLOW)
    samples = sum(len(pipeline.generate(datasets.Dataset.from_list(leaf))) for leaf in leaves)
    wall = time.perf_counter() - began
    json.dump({"samples": samples, "wall_s": wall, "cpu_s": _cpu_s() - cpu}, sys.stdout)


def _cpu_s() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    main()
