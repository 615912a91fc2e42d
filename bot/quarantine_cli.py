"""`taxonomy-bot nightly quarantine`: which leaves no build takes in, and letting them in again."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from bot.at_the_terminal import chosen_repository, settings_or_stop, stop
from bot.settings import BotSettings
from checks.report.visible import visible, visible_path

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from bot.nightly.quarantining import Lifted
    from bot.store.quarantine import Quarantine

quarantine = typer.Typer(help="The leaves that no build takes in until somebody lifts it.", no_args_is_help=True)

_Repository = Annotated[int, typer.Option(help="The repository's numeric id; needed if several are served.")]


@quarantine.command("list")
def list_() -> None:
    """List the leaves that are kept out of builds: since when, by whom and why."""
    settings = settings_or_stop()
    found = asyncio.run(kept_out(settings))
    for repository_id, each in found:
        where = f"{repository_id} " if len(settings.repositories) > 1 else ""
        set_by = f"since {each.set_at:%Y-%m-%d}, by {visible(each.set_by)}"
        typer.echo(f"{where}{visible_path(each.leaf)}\n  {set_by}: {visible(each.reason)}")
    if not found:
        typer.echo("No leaf is kept out.")


@quarantine.command()
def lift(
    leaf: Annotated[str, typer.Argument(help="The leaf's path, such as knowledge/science/owls.")],
    repository: _Repository = 0,
) -> None:
    """Let builds take a leaf in again, from the next one on. It is written down in the audit."""
    from bot.github.errors import GitHubError

    settings = settings_or_stop()
    try:
        lifted = asyncio.run(lifted_now(settings, chosen_repository(settings, repository), leaf, getpass.getuser()))
    except GitHubError as error:
        stop(f"It is lifted, but GitHub did not let the label go: {error}. Take `hold` off by hand.")
    if lifted is None:
        stop(f"{visible_path(leaf)} is not kept out. `taxonomy-bot nightly quarantine list` shows what is.")
    pulls = ", ".join(f"#{number}" for number in lifted.pulls)
    typer.echo(
        f"{visible_path(leaf)} comes in with the next build." + (f" The label is off {pulls}." if pulls else "")
    )


async def kept_out(settings: BotSettings) -> list[tuple[int, Quarantine]]:
    """Return what is kept out, by repository and leaf."""
    from bot.store.quarantine import QuarantineStore

    async with _database(settings) as engine:
        store = QuarantineStore(engine)
        return [
            (repository_id, each)
            for repository_id in sorted(settings.repositories)
            for _, each in sorted((await store.standing(repository_id)).items())
        ]


async def lifted_now(settings: BotSettings, repository_id: int, leaf: str, by: str) -> Lifted | None:
    """Let a leaf in again. Raises the errors of `bot.github.errors` once it is lifted and a label stays."""
    import aiohttp

    from bot.clock import SystemClock
    from bot.store.repositories import RepositoryStore
    from bot.wiring import make_quarantine_desk, make_silence, open_github

    clock = SystemClock()
    async with (
        _database(settings) as engine,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=settings.request_timeout_s)) as session,
    ):
        known = {k.origin.repository_id: k for k in await RepositoryStore(engine, clock).all_known()}
        if repository_id not in known:
            return None
        github = open_github(session, settings, clock, gate=make_silence(engine, clock))
        desk = make_quarantine_desk(github, settings, engine, clock)
        return await desk.lift(known[repository_id], leaf.strip("/"), by)


@asynccontextmanager
async def _database(settings: BotSettings) -> AsyncIterator[AsyncEngine]:
    from bot.store.database import migrate, open_engine

    engine = open_engine(settings.database_url)
    try:
        await migrate(engine)
        yield engine
    finally:
        await engine.dispose()
