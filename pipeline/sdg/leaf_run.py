"""One leaf's whole way: which flows it goes through, and what they give."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from checks.contribution import LeafKind
from pipeline.sdg.blocks.block import Models
from pipeline.sdg.counts import BlockCount
from pipeline.sdg.flow import Flow, FlowError, Makes, Start, read_flow
from pipeline.sdg.rows import Row
from pipeline.sdg.running import FlowRun, run_flow
from pipeline.sdg.starts import Lesson, first_rows


@dataclass(frozen=True, slots=True)
class LeafRun:
    """What came of a leaf, flow by flow."""

    lesson: Lesson
    flows: tuple[FlowRun, ...]

    def rows(self, makes: Makes) -> list[tuple[Flow, Row]]:
        """Return the rows of one sort with the flow that made them, in order."""
        return [(run.flow, row) for run in self.flows if run.flow.makes is makes for row in run.rows]

    @property
    def counts(self) -> list[tuple[Flow, BlockCount]]:
        """Every block's tally."""
        return [(run.flow, count) for run in self.flows for count in run.counts]


def flows_for(lesson: Lesson, *, auxiliary: bool = False, only: Sequence[Flow] = ()) -> list[Flow]:
    """Return the flows that a leaf goes through, in their order; `only` are those somebody asked for instead.

    Flows that begin with passages of a document are for leaves that have one. Raises FlowError when none is left.
    """
    if only:
        chosen = list(only)
    elif lesson.kind is LeafKind.KNOWLEDGE:
        chosen = [read_flow(name) for name in ("knowledge", *(("summaries",) if auxiliary else ()), "mmlu")]
    else:
        chosen = [read_flow("grounded" if lesson.is_grounded else "freeform")]
    fitting = [flow for flow in chosen if flow.start is Start.SEEDS or lesson.passages]
    if not fitting:
        named = ", ".join(flow.name for flow in chosen)
        raise FlowError(f"{lesson.path}: {named}: for leaves with a document only, and this one has none.")
    return fitting


async def run_leaf(
    lesson: Lesson,
    flows: Sequence[Flow],
    models: Models,
    seed: int,
    tell: Callable[[float], None] = lambda _: None,
) -> LeafRun:
    """Run a leaf through its flows: first for training, then for measuring, which repeats none of it."""
    known = list(lesson.known)
    runs: dict[str, FlowRun] = {}
    for makes in (Makes.SAMPLES, Makes.QUESTIONS):
        of_sort = [flow for flow in flows if flow.makes is makes]
        done = len(runs)

        def told(share: float, done: int = done, going: int = len(of_sort)) -> None:
            tell((done + share * going) / len(flows))

        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(run_flow(flow, first_rows(lesson, flow.start), models, seed, known, told))
                for flow in of_sort
            ]
        for task in tasks:
            runs[task.result().flow.name] = task.result()
            known += [row.texts["question"] for row in task.result().rows]
    return LeafRun(lesson, tuple(runs[flow.name] for flow in flows))
