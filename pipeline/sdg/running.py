"""Runs a flow: rows stream through the blocks, and wait for one another only where a block needs them all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from pipeline.sdg.blocks import Block, RowBlock, WholeLeafBlock, Work
from pipeline.sdg.blocks.block import Models
from pipeline.sdg.counts import BlockCount
from pipeline.sdg.flow import Flow
from pipeline.sdg.rows import Row

Tell = Callable[[float], None]  # the share of the flow that is done, 0 to 1
_ENOUGH = "more than are wanted of one seed example"


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
    works = [Work(models, seed, count, flow.prompts, tuple(known), len(rows)) for count in counts]
    stages = _stages(flow.blocks)
    current = list(rows)
    for number, (first, after) in enumerate(stages):
        told = _Share(tell, number, len(stages), len(current))
        is_last = after == len(flow.blocks) and not any(block.multiplies for block in flow.blocks[first:])
        most = flow.samples_per_seed if is_last else None
        current = await _stage(flow.blocks[first:after], works[first:after], current, told, most)
    return FlowRun(flow, tuple(_at_most(current, flow.samples_per_seed, counts)), tuple(counts))


def _stages(blocks: Sequence[Block]) -> list[tuple[int, int]]:
    """Return the blocks as ranges: each whole-leaf block alone, and what lies between in one."""
    bounds = sorted(
        {0, len(blocks)}
        | {i for i, block in enumerate(blocks) if isinstance(block, WholeLeafBlock)}
        | {i + 1 for i, block in enumerate(blocks) if isinstance(block, WholeLeafBlock)}
    )
    return list(pairwise(bounds))


async def _stage(
    blocks: Sequence[Block], works: Sequence[Work], rows: list[Row], told: _Share, most: int | None
) -> list[Row]:
    """Return what becomes of the rows; `most` is how many of each seed example are wanted, None for all.

    What is wanted are the first good ones in order. So many are sent on their way, and another for each that comes
    to nothing: those that were sent are the same whatever comes back first, and nothing is asked about the others.
    """
    if isinstance(blocks[0], WholeLeafBlock):
        works[0].count.rows_in += len(rows)
        made = list(await asyncio.to_thread(blocks[0].rows_of_all, rows, works[0]))
        works[0].count.kept += len(made)
        return made
    done: list[Row] = []

    async def until_one_is_good(waiting: Iterator[Row]) -> None:
        for row in waiting:
            good = await _through(blocks, works, row)
            told.one_more()
            if good:
                done.extend(good)
                return

    of_seeds = [(iter(line), len(line[:most])) for line in _by_seed(rows)]
    async with asyncio.TaskGroup() as group:
        for waiting, wanted in of_seeds:
            for _ in range(wanted):
                group.create_task(until_one_is_good(waiting))
    for row in chain.from_iterable(waiting for waiting, _ in of_seeds):
        works[0].count.rows_in += 1
        works[0].count.drop(row, _ENOUGH)
    return sorted(done, key=lambda row: row.place)


def _by_seed(rows: Sequence[Row]) -> list[list[Row]]:
    lines: dict[int, list[Row]] = {}
    for row in rows:
        lines.setdefault(row.seed, []).append(row)
    return list(lines.values())


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
            counts[-1].drop(row, _ENOUGH)
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
