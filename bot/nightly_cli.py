"""`taxonomy-bot nightly`: what the next build would take in, when it is due, and how the last ones stand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from bot.at_the_terminal import chosen_repository, settings_or_stop, stop
from bot.build_cli import builds_app
from bot.quarantine_cli import quarantine
from bot.release_cli import releases_app
from bot.report_cli import report
from bot.settings import BotSettings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from bot.nightly.builds import Build
    from bot.nightly.plan import BuildPlan
    from bot.nightly.steps_shown import Progressing
    from bot.store.stored_jobs import StoredJob

nightly = typer.Typer(
    help="The nightly builds: what comes next, and how the last ones stand.", no_args_is_help=True
)

nightly.add_typer(quarantine, name="quarantine")
nightly.add_typer(releases_app)
nightly.add_typer(builds_app)

nightly.command()(report)

_SHOWN_BUILDS = 10

_Repository = Annotated[int, typer.Option(help="The repository's numeric id; needed if several are served.")]


@nightly.command()
def plan(
    as_json: Annotated[bool, typer.Option("--json", help="Print everything, as JSON.")] = False,
    repository: _Repository = 0,
) -> None:
    """Show what a build would take in now, and what it would leave out and why. Nothing begins."""
    from bot.github.errors import GitHubError

    settings = settings_or_stop()
    try:
        found = asyncio.run(plan_now(settings, chosen_repository(settings, repository)))
    except GitHubError as error:
        stop(f"GitHub did not tell all that a plan needs: {error}. Try again in a minute.")
    if found is None:
        stop(
            "The bot does not know where this repository is yet: the first webhook that it sends tells. "
            "Is the App installed there, and `taxonomy-bot serve` running?"
        )
    if as_json:
        from bot.nightly.plan_text import plan_as_text

        typer.echo(plan_as_text(found, indent=2))
        return
    from rich.console import Console

    from bot.nightly.shown import show_plan

    show_plan(found, Console())


@nightly.command()
def status(repository: _Repository = 0) -> None:
    """Show when the next build is due, how the last ones stand, and how the newest goes, step by step."""
    from rich.console import Console

    from bot.clock import SystemClock
    from bot.nightly.shown import show_status
    from bot.nightly.steps_shown import show_progress

    settings, console = settings_or_stop(), Console()
    builds, progress = asyncio.run(newest_builds(settings, chosen_repository(settings, repository)))
    schedule = settings.schedule if settings.nightly else None
    show_status(builds, schedule, settings.report_at, SystemClock().now(), console)
    if progress is not None:
        show_progress(progress, console)


async def plan_now(settings: BotSettings, repository_id: int) -> BuildPlan | None:
    """Return what a build would take in, None for a repository that never told the bot anything.

    Raises the errors of `bot.github.errors`.
    """
    import aiohttp

    from bot.clock import SystemClock
    from bot.store.repositories import RepositoryStore
    from bot.wiring import make_plan_room, open_github

    clock = SystemClock()
    async with (
        _database(settings) as engine,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=settings.request_timeout_s)) as session,
    ):
        known = {k.origin.repository_id: k for k in await RepositoryStore(engine, clock).all_known()}
        if repository_id not in known:
            return None
        return await make_plan_room(open_github(session, settings, clock), engine).plan(known[repository_id])


async def newest_builds(settings: BotSettings, repository_id: int) -> tuple[list[Build], Progressing | None]:
    """Return the builds of the last nights, the newest first, and how the one goes that is not good."""
    from bot.clock import SystemClock
    from bot.nightly.build_stages import eta_of, past_durations, stages_of
    from bot.nightly.builds import BuildState
    from bot.nightly.steps_shown import Progressing
    from bot.store.builds import BuildStore
    from bot.store.jobs import JobStore

    async with _database(settings) as engine:
        store, jobs, now = BuildStore(engine), JobStore(engine), SystemClock().now()
        builds = await store.newest(repository_id, _SHOWN_BUILDS)
        at = await store.running(repository_id) or (builds[0] if builds else None)
        if at is None or at.state in (BuildState.GOOD, BuildState.PASSED_OVER):
            return builds, None
        steps, good = await jobs.of_build(at.id), await store.last_good(repository_id)
        before = past_durations(await jobs.of_build(good.id)) if good else {}
        stages = stages_of(steps, _phases_of(steps), now)
        return builds, Progressing(at, steps, stages, eta_of(stages, before, now), now)


def _phases_of(steps: list[StoredJob]) -> list[str]:
    """Return the phases that a build has, none while nobody knows: what begins with skills has no knowledge."""
    trained = [job.request.step.removeprefix("train/") for job in steps if job.request.step.startswith("train/")]
    is_over = any(job.request.step == "gate" for job in steps)
    return trained if is_over or trained[:1] == ["skills"] else []


@asynccontextmanager
async def _database(settings: BotSettings) -> AsyncIterator[AsyncEngine]:
    from bot.store.database import migrate, open_engine

    engine = open_engine(settings.database_url)
    try:
        await migrate(engine)
        yield engine
    finally:
        await engine.dispose()
