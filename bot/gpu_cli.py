"""`taxonomy-bot gpu`: pause and resume what needs a GPU, and see how it stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.settings import SettingsError, read_settings

gpu = typer.Typer(help="Pause and resume the jobs that need a GPU.", no_args_is_help=True)


@gpu.command()
def pause() -> None:
    """Let no further job that needs a GPU begin, and refuse new ones; what runs goes on."""
    asyncio.run(_switch(on=True))
    typer.echo("The GPUs are paused: what runs goes on, nothing new begins. `taxonomy-bot gpu resume` lifts that.")


@gpu.command()
def resume() -> None:
    """Let jobs that need a GPU begin again."""
    asyncio.run(_switch(on=False))
    typer.echo("Jobs that need a GPU begin again.")


@gpu.command()
def status() -> None:
    """Say whether the GPUs are paused, and how many jobs wait and run in each queue."""
    asyncio.run(_status())


async def _switch(*, on: bool) -> None:
    from bot.clock import SystemClock
    from bot.store.switches import GPU_PAUSED, Switches

    async with _database() as engine:
        await Switches(engine).set(GPU_PAUSED, SystemClock().now(), on=on)


async def _status() -> None:
    from bot.store.jobs import JobStore
    from bot.store.switches import GPU_PAUSED, Switches

    async with _database() as engine:
        paused = await Switches(engine).is_on(GPU_PAUSED)
        typer.echo(f"GPUs: {'paused' if paused else 'in use'}")
        for queue, waiting, running in await JobStore(engine).counts():
            typer.echo(f"{queue:10} {waiting} waiting, {running} running")


@asynccontextmanager
async def _database() -> AsyncIterator[AsyncEngine]:
    from bot.store.database import migrate, open_engine

    try:
        settings = read_settings()
    except SettingsError as error:
        _stop(str(error))
    engine = open_engine(settings.database_url)
    try:
        await migrate(engine)
        yield engine
    finally:
        await engine.dispose()


def _stop(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(2)
