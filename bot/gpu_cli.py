"""`taxonomy-bot gpu`: pause and resume what needs a GPU, and see how it stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.at_the_terminal import account, stop
from bot.budgets import Budget
from bot.settings import SettingsError, read_settings

gpu = typer.Typer(help="Pause and resume the jobs that need a GPU.", no_args_is_help=True)


_By = Annotated[str, typer.Option(help="Who does this, for those who ask later; your account without.")]


@gpu.command()
def pause(by: _By = "") -> None:
    """Let no further job that needs a GPU begin, and refuse new ones; what runs goes on."""
    asyncio.run(_switch(by or account(), on=True))
    typer.echo("The GPUs are paused: what runs goes on, nothing new begins. `taxonomy-bot gpu resume` lifts that.")


@gpu.command()
def resume(by: _By = "") -> None:
    """Let jobs that need a GPU begin again."""
    asyncio.run(_switch(by or account(), on=False))
    typer.echo("Jobs that need a GPU begin again.")


@gpu.command()
def status() -> None:
    """Say what waits and runs in each queue, what holds it, and how many GPU hours are spent of how many."""
    asyncio.run(_status())


async def _switch(by: str, *, on: bool) -> None:
    from bot.clock import SystemClock
    from bot.store.switches import GPU_PAUSED, Switches

    async with _database() as (engine, _):
        await Switches(engine).set(GPU_PAUSED, SystemClock().now(), on=on, by=by)


async def _status() -> None:
    from bot.clock import SystemClock
    from bot.gpu_status import gpu_facts, status_lines
    from bot.store.jobs import JobStore
    from bot.store.switches import Switches

    async with _database() as (engine, budget):
        facts = await gpu_facts(JobStore(engine), Switches(engine), budget, SystemClock().now())
        for line in status_lines(facts, budget):
            typer.echo(line)


@asynccontextmanager
async def _database() -> AsyncIterator[tuple[AsyncEngine, Budget]]:
    from bot.store.database import migrate, open_engine

    try:
        settings = read_settings()
    except SettingsError as error:
        stop(str(error))
    engine = open_engine(settings.database_url)
    try:
        await migrate(engine)
        yield engine, settings.budget
    finally:
        await engine.dispose()
