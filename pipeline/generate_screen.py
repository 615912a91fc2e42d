"""What `taxonomy-pipeline generate` shows: how far it is, whether the model answers at all, and what came of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from pipeline.generation import SAMPLES, LeafData
from pipeline.results import LeafYield
from pipeline.teacher import Counters, Teacher

ASIDE = Console(stderr=True, highlight=False)
_ON_SCREEN = Console(highlight=False)
_SILENT_S = 4.0  # without a good answer before anything is said about it
_LOOK_EVERY_S = 0.5


@asynccontextmanager
async def progress_shown(
    console: Console, servers: Iterable[tuple[str, Teacher]], away_after_s: float
) -> AsyncIterator[Callable[[float, str], None]]:
    """Show a bar while inside; call what is given with how far it is. Servers, by address, are watched."""
    columns = (TextColumn("{task.description}"), BarColumn(20), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("Generating", total=1.0)
        watches = [
            asyncio.create_task(_tell_silence(progress.console, url, teacher, away_after_s))
            for url, teacher in servers
        ]
        try:
            yield lambda share, stage: progress.update(task, completed=share, description=stage)
        finally:
            for watch in watches:
                watch.cancel()


async def _tell_silence(console: Console, url: str, teacher: Teacher, away_after_s: float) -> None:
    """Say once of each silence that nothing is wrong with the wait, and what may be wrong with the server."""
    is_told = False
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        is_silent = teacher.silent_for_s >= _SILENT_S
        if is_silent and not is_told:
            reasons = ", ".join(sorted(teacher.counters.retries))
            console.print(
                f"No good answer from {url} for {teacher.silent_for_s:.0f} s ({reasons}). Does the server run, "
                f"and is this its address? It is given up after {away_after_s:.0f} s.",
                style="yellow",
                markup=False,
            )
        is_told = is_silent


def show_yields(yields: Sequence[LeafYield], made: Sequence[LeafData], written_by: str) -> None:
    """Show what each leaf gave, and where it lies."""
    for leaf, data in zip(yields, made, strict=True):
        _ON_SCREEN.print()
        _ON_SCREEN.print(leaf.path, style="bold", markup=False)
        if data.is_old:
            _ON_SCREEN.print("Nothing to do: this is up to date, made from the same by the same model.")
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        table.add_row(str(leaf.kept), f"samples kept of {leaf.candidates}")
        if leaf.questions:
            table.add_row(str(leaf.questions), "multiple choice questions to measure with")
        for number, what in _besides(leaf, data):
            table.add_row(str(number), Text(what))
        for reason, count in leaf.dropped.items():
            table.add_row(str(count), Text(f"dropped: {reason}"), style="dim")
        _ON_SCREEN.print(table)
        _ON_SCREEN.print(str(data.folder / SAMPLES), markup=False, soft_wrap=True)
    _ON_SCREEN.print(f"\n{written_by}", markup=False)


def show_spent(counters: Sequence[Counters]) -> None:
    """Show what the run has asked of its models: requests, tokens, what they cost, and what was tried again."""
    requests = sum(each.requests for each in counters)
    if not requests:
        return
    read, written = sum(each.prompt_tokens for each in counters), sum(each.completion_tokens for each in counters)
    said = f"This run: {requests:,} requests, {read:,} tokens read and {written:,} written"
    if cost := sum(each.cost for each in counters):
        said += f", {cost:,.2f} by the prices that are set"
    retries = sum((each.retries for each in counters), Counter[str]())
    again = ", ".join(f"{count} x {reason}" for reason, count in retries.most_common())
    _ON_SCREEN.print(f"{said}." + (f" Tried again: {again}." if again else ""), markup=False)


def _besides(leaf: LeafYield, data: LeafData) -> Iterator[tuple[int, str]]:
    """Yield how many answers cost nothing, how many never came, and what people wrote that is no sample."""
    blocks = (*leaf.blocks, *leaf.measuring)
    earlier = sum(block.from_cache for block in blocks)
    if earlier and not data.is_old:
        yield (
            earlier,
            f"answers of {sum(block.requests for block in blocks)} were there already, or asked for twice",
        )
    if missing := data.manifest["unanswered"]:
        yield missing, "questions to the model came to nothing: run the same again to ask only those"
    for reason, count in data.manifest["seeds_left_out"].items():
        yield count, f"pairs of seed examples left out of the samples: {reason}"
