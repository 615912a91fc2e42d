"""`taxonomy-bot nightly promote|rollback|pin|releases`: which build is served, decided by people."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from bot.at_the_terminal import chosen_repository, settings_or_stop, stop
from bot.settings import BotSettings

if TYPE_CHECKING:
    from bot.nightly.release_desk import ReleaseDesk
    from bot.nightly.releases import Release

releases_app = typer.Typer()

_Answer = TypeVar("_Answer")
_Build = Annotated[str, typer.Argument(help="The build's name, such as 2026-01-05.1.")]
_By = Annotated[str, typer.Option(help="Who does this, for those who ask later; your account without.")]
_Repository = Annotated[int, typer.Option(help="The repository's numeric id; needed if several are served.")]


@releases_app.command()
def promote(build: _Build, by: _By = "", repository: _Repository = 0) -> None:
    """Serve a build: `latest` names it from now on. All of its files are read before."""
    chosen = _Chosen(repository)
    release = chosen.ask(lambda desk: desk.promote(chosen.repository_id, build, by or _account()))
    typer.echo(f"{release.name} is served now. `taxonomy-bot nightly rollback` brings back what was.")


@releases_app.command()
def rollback(by: _By = "", repository: _Repository = 0) -> None:
    """Serve what was promoted before again, and withdraw what is served. Doing it again goes one further back."""
    chosen = _Chosen(repository)
    now, withdrawn = chosen.ask(lambda desk: desk.rollback(chosen.repository_id, by or _account()))
    typer.echo(f"{now.name} is served again; {withdrawn.name} is withdrawn, and builds are not compared with it.")


@releases_app.command()
def pin(build: _Build, by: _By = "", repository: _Repository = 0) -> None:
    """Measure slow drift against this build from now on: each gate compares with it, too, and it is kept."""
    chosen = _Chosen(repository)
    release = chosen.ask(lambda desk: desk.pin(chosen.repository_id, build, by or _account()))
    typer.echo(f"{release.name} is pinned.")


@releases_app.command()
def releases(repository: _Repository = 0) -> None:
    """Show which builds are published, which one is served, and which one is pinned."""
    from rich.console import Console

    from bot.nightly.releases_shown import show_releases

    chosen = _Chosen(repository)
    show_releases(asyncio.run(_all_of(chosen.settings, chosen.repository_id)), Console())


class _Chosen:
    """The settings, and the repository that is meant. Ends the program where either cannot be used."""

    def __init__(self, repository: int) -> None:
        self.settings = settings_or_stop()
        self.repository_id = chosen_repository(self.settings, repository)

    def ask(self, work: Callable[[ReleaseDesk], Awaitable[_Answer]]) -> _Answer:
        """Have the desk do something; end the program in plain words where it does not."""
        from bot.nightly.release_desk import PointerBehindError, ReleaseRefusedError
        from pipeline.model_store import ModelStoreError

        async def asked() -> _Answer:
            async with _desk(self.settings) as desk:
                return await work(desk)

        try:
            return asyncio.run(asked())
        except ReleaseRefusedError as error:
            stop(str(error))
        except (PointerBehindError, ModelStoreError) as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from None


@asynccontextmanager
async def _desk(settings: BotSettings) -> AsyncIterator[ReleaseDesk]:
    from bot.clock import SystemClock
    from bot.store.database import migrate, open_engine
    from bot.wiring import make_release_desk

    engine = open_engine(settings.database_url)
    try:
        await migrate(engine)
        yield make_release_desk(settings, engine, SystemClock())
    finally:
        await engine.dispose()


async def _all_of(settings: BotSettings, repository_id: int) -> list[Release]:
    from bot.store.database import migrate, open_engine
    from bot.store.releases import ReleaseStore

    engine = open_engine(settings.database_url)
    try:
        await migrate(engine)
        return await ReleaseStore(engine).all_of(repository_id)
    finally:
        await engine.dispose()


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a name for its user
        return ""
