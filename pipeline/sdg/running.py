"""Runs a flow: rows stream through the blocks, and wait for one another only where a block needs them all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.sdg.blocks import Block, RowBlock, WholeLeafBlock, Work
from pipeline.sdg.blocks.block import Models
from pipeline.sdg.counts import BlockCount
from pipeline.sdg.flow import Flow
from pipeline.sdg.rows import Row

Tell = Callable[[float], None]  # the share of the flow that is done, 0 to 1


@dataclass(frozen=True, slots=True)
class FlowRun:
    """What came of a flow: the last rows in their order, and each block's tally."""

    flow: Flow
    rows: tuple[Row, ...]
    counts: tuple[BlockCount, ...]


async def run_flow(
    flow: Flow,
    rows: Sequence[Row],
    models: Models,
    seed: int,
    known: Sequence[str] = (),
    tell: Tell = lambda _: None,
) -> FlowRun:
    """Run the rows through the flow. The same answers give the same rows, whatever comes back first.

    `known` are questions that nothing may repeat. Raises TeacherError when a request came to nothing for good, and
    leaves no request under way.
    """
    counts = [BlockCount(block.name, block.because) for block in flow.blocks]
    works = [Work(models, seed, count, flow.prompts, tuple(known)) for count in counts]
    stages = _stages(flow.blocks)
    current = list(rows)
    for number, (first, after) in enumerate(stages):
        told = _Share(tell, number, len(stages), len(current))
        current = await _stage(flow.blocks[first:after], works[first:after], current, told)
    return FlowRun(flow, tuple(_at_most(current, flow.samples_per_seed, counts)), tuple(counts))


def _stages(blocks: Sequence[Block]) -> list[tuple[int, int]]:
    """Return the blocks as ranges: each whole-leaf block alone, and what lies between in one."""
    bounds = sorted(
        {0, len(blocks)}
        | {i for i, block in enumerate(blocks) if isinstance(block, WholeLeafBlock)}
        | {i + 1 for i, block in enumerate(blocks) if isinstance(block, WholeLeafBlock)}
    )
    return list(pairwise(bounds))


async def _stage(blocks: Sequence[Block], works: Sequence[Work], rows: list[Row], told: _Share) -> list[Row]:
    if isinstance(blocks[0], WholeLeafBlock):
        works[0].count.rows_in += len(rows)
        made = list(await asyncio.to_thread(blocks[0].rows_of_all, rows, works[0]))
        works[0].count.kept += len(made)
        return made
    done: list[Row] = []

    async def whole_way(row: Row) -> None:
        done.extend(await _through(blocks, works, row))
        told.one_more()

    async with asyncio.TaskGroup() as group:
        for row in rows:
            group.create_task(whole_way(row))
    for work in works:  # what came back first must not show
        work.count.rows_dropped.sort(key=lambda dropped: dropped.row.place)
    return sorted(done, key=lambda row: row.place)


async def _through(blocks: Sequence[Block], works: Sequence[Work], row: Row) -> list[Row]:
    """Return what becomes of a row behind these blocks; rows made on the way go on side by side."""
    block, work = blocks[0], works[0]
    if not isinstance(block, RowBlock):
        raise TypeError(f"{block.name} takes no single rows")
    work.count.rows_in += 1
    made = await block.rows_of(row, work)
    work.count.kept += len(made)
    if len(blocks) == 1 or not made:
        return list(made)
    if len(made) == 1:
        return await _through(blocks[1:], works[1:], made[0])
    async with asyncio.TaskGroup() as group:
        further = [group.create_task(_through(blocks[1:], works[1:], each)) for each in made]
    return [row for task in further for row in task.result()]


def _at_most(rows: Sequence[Row], samples_per_seed: int, counts: Sequence[BlockCount]) -> list[Row]:
    """Return the first rows of each seed example; the others are counted with the last block."""
    kept, of_seed = [], dict[int, int]()
    for row in rows:
        of_seed[row.seed] = of_seed.get(row.seed, 0) + 1
        if of_seed[row.seed] <= samples_per_seed:
            kept.append(row)
        else:
            counts[-1].kept -= 1
            counts[-1].drop(row, "more than are wanted of one seed example")
    return kept


@dataclass(slots=True)
class _Share:
    """Tells how far a flow is: its stages count alike, within one its rows do."""

    tell: Tell
    stage: int
    stages: int
    rows: int
    done: int = 0

    def one_more(self) -> None:
        """One more row has gone the whole way."""
        self.done += 1
        self.tell((self.stage + self.done / self.rows) / self.stages)
