"""How a build goes, as an operator reads it in a terminal: its stage, when it should be done, its steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.console import Console, ConsoleRenderable
from rich.table import Table
from rich.text import Text

from bot.jobs import JobState
from bot.nightly.build_stages import Stages
from bot.nightly.builds import Build, BuildState
from bot.nightly.steps import is_leaf_step
from bot.store.stored_jobs import StoredJob
from checks.report.visible import visible

_WIDE = 70
_LONGEST_MESSAGE = 300
_MOST_FAILED = 10  # leaves


@dataclass(frozen=True, slots=True)
class Progressing:
    """A build, its steps and its stages; `done_at` is when it should be done, None where nobody knows."""

    build: Build
    jobs: Sequence[StoredJob]
    stages: Stages
    done_at: datetime | None
    now: datetime


def show_progress(shown: Progressing, console: Console) -> None:
    """Print how a build goes."""
    for part in _parts(shown, console.width):
        console.print(part, highlight=False, soft_wrap=False)


def _parts(shown: Progressing, width: int) -> Iterator[ConsoleRenderable]:
    build = shown.build
    yield Text()
    yield Text(_heading(shown))
    if build.because:
        yield Text(visible(build.because[:_LONGEST_MESSAGE]))
    if build.held:
        yield Text(f"Held: {visible(build.held[:_LONGEST_MESSAGE])}")
    if shown.jobs:
        yield Text()
        yield _table(shown, width)


def _heading(shown: Progressing) -> str:
    build = shown.build
    if build.state is BuildState.PLANNED:
        return f"{build.name} is planned: the serving bot begins it when no other runs."
    if build.state is not BuildState.RUNNING:
        return f"{build.name}: {build.state}."
    over = sum(view.is_over for view in shown.stages.shown)
    at = min(over + 1, shown.stages.count)
    when = f", done at about {shown.done_at:%H:%M} UTC on {shown.done_at:%d %B}" if shown.done_at else ""
    return f"{build.name} runs: stage {at} of {shown.stages.count}{when}."


def _table(shown: Progressing, width: int) -> Table:
    table = Table(box=None, padding=(0, 2 if width >= _WIDE else 1, 0, 0), pad_edge=False)
    table.add_column("step", overflow="fold")
    table.add_column("state", overflow="fold")
    table.add_column("took", justify="right", no_wrap=True)
    leaves = [job for job in shown.jobs if is_leaf_step(job.request.step)]
    if leaves:
        table.add_row(*(Text(cell) for cell in _of_leaves(leaves, shown.now)))
    failed = [job for job in leaves if job.life.state.is_over and job.life.state is not JobState.SUCCEEDED]
    others = [job for job in shown.jobs if not is_leaf_step(job.request.step)]
    for job in [*failed[:_MOST_FAILED], *others]:
        cells = (visible(job.request.step), _state(job), _took(job, shown.now))
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _of_leaves(jobs: Sequence[StoredJob], now: datetime) -> tuple[str, str, str]:
    done = sum(job.life.state is JobState.SUCCEEDED for job in jobs)
    running = sum(job.life.state is JobState.RUNNING for job in jobs)
    failed = sum(job.life.state.is_over for job in jobs) - done
    told = f"{done:,} of {len(jobs):,} done"
    told += f", {running:,} running" if running else ""
    told += f", {failed:,} failed" if failed else ""
    ends = [job.finished_at or now for job in jobs]
    return "generate", told, _span(max(ends) - min(job.queued_at for job in jobs))


def _state(job: StoredJob) -> str:
    life = job.life
    if life.state is JobState.RUNNING and life.progress is not None:
        return f"running, {life.progress.share:.0%}: {visible(life.progress.stage[:80])}"
    if life.state.is_over and life.state is not JobState.SUCCEEDED and life.message:
        return f"{life.state}: {visible(life.message[:_LONGEST_MESSAGE])}"
    if life.state is JobState.QUEUED and life.attempt > 1:
        return f"queued, attempt {life.attempt}"
    return life.state.value


def _took(job: StoredJob, now: datetime) -> str:
    if job.life.lease is not None:
        return _span(now - job.life.lease.since)
    return _span(timedelta(seconds=job.life.outcome.run_s)) if job.life.outcome is not None else ""


def _span(span: timedelta) -> str:
    minutes = max(0, round(span.total_seconds() / 60))
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"
