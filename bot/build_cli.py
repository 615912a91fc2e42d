"""`taxonomy-bot nightly run|resume|cancel`: builds by hand. The serving bot does what is asked here."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from bot.at_the_terminal import chosen_repository, settings_or_stop, stop
from bot.settings import BotSettings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from bot.nightly.by_hand import Asked, BuildDesk

builds_app = typer.Typer()

_Night = Annotated[str, typer.Option(metavar="DATE", help="Such as 2026-11-21.")]
_Repository = Annotated[int, typer.Option(help="The repository's numeric id; needed if several are served.")]
_By = Annotated[str, typer.Option(help="Who does this, for those who ask later; your account without.")]


@builds_app.command()
def run(
    night: _Night = "",
    anew: Annotated[
        bool, typer.Option("--anew", help="Also if that night's build failed or was cancelled.")
    ] = False,
    repository: _Repository = 0,
) -> None:
    """Plan a build now, today's without --night; the serving bot begins it within a minute."""
    chosen = _Chosen(repository)
    if not chosen.settings.broker:
        stop("Nothing can be built: no workers are set up, for TAXONOMY_BOT_BROKER_URL is off.")
    asked = chosen.ask(lambda room: _run(room, _date(night), anew=anew))
    if asked is None:
        typer.echo("Nothing new since the last good build: there is nothing to build.")
        return
    counts = asked.build.counts
    typer.echo(
        f"{asked.build.name} is planned at {asked.build.commit[:7]}: {counts.new} new, {counts.changed} changed, "
        f"{counts.removed} removed leaves, from {counts.pulls} pull requests. The serving bot begins it within a "
        "minute; `taxonomy-bot nightly status` shows how it goes."
    )
    _warn(asked)


@builds_app.command()
def resume(night: _Night = "", repository: _Repository = 0) -> None:
    """Go on with a build that failed or was cancelled: what failed is done anew, what succeeded is kept."""
    asked = _Chosen(repository).ask(lambda room: room.desk.resume(_date(night)))
    assert asked is not None  # noqa: S101 - refused otherwise
    typer.echo(f"{asked.build.name} goes on within a minute; `taxonomy-bot nightly status` shows how.")
    _warn(asked)


@builds_app.command()
def cancel(night: _Night = "", by: _By = "", repository: _Repository = 0) -> None:
    """Stop the build that runs or is planned; what it has made so far is kept."""
    asked = _Chosen(repository).ask(lambda room: room.desk.cancel(_date(night), by or _account()))
    assert asked is not None  # noqa: S101 - refused otherwise
    typer.echo(
        f"{asked.build.name} is cancelled: what runs of it stops within a minute. `taxonomy-bot nightly resume` "
        "goes on with it."
    )
    _warn(asked)


@dataclass(frozen=True, slots=True)
class _Room:
    """The desk, with what it stands on."""

    settings: BotSettings
    engine: AsyncEngine
    repository_id: int
    desk: BuildDesk


class _Chosen:
    """The settings, and the repository that is meant. Ends the program where either cannot be used."""

    def __init__(self, repository: int) -> None:
        self.settings = settings_or_stop()
        self.repository_id = chosen_repository(self.settings, repository)

    def ask(self, work: Callable[[_Room], Awaitable[Asked | None]]) -> Asked | None:
        """Have the desk do something; end the program in plain words where it does not."""
        from bot.github.errors import GitHubError
        from bot.nightly.by_hand import BuildRefusedError

        async def asked() -> Asked | None:
            async with _room(self.settings, self.repository_id) as room:
                return await work(room)

        try:
            return asyncio.run(asked())
        except BuildRefusedError as error:
            stop(str(error))
        except GitHubError as error:
            stop(f"GitHub did not tell all that a plan needs: {error}. Try again in a minute.")


async def _run(room: _Room, night: date | None, *, anew: bool) -> Asked | None:
    import aiohttp

    from bot.clock import SystemClock
    from bot.nightly.by_hand import BuildRefusedError
    from bot.nightly.desk import NightlyDesk
    from bot.store.builds import BuildStore
    from bot.store.history import History
    from bot.store.repositories import RepositoryStore
    from bot.wiring import make_plan_room, open_github

    clock, engine, settings = SystemClock(), room.engine, room.settings
    known = {each.origin.repository_id: each for each in await RepositoryStore(engine, clock).all_known()}
    if room.repository_id not in known:
        raise BuildRefusedError(
            "The bot does not know where this repository is yet: the first webhook that it sends tells. "
            "Is the App installed there, and `taxonomy-bot serve` running?"
        )
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=settings.request_timeout_s)) as session:
        plans = make_plan_room(open_github(session, settings, clock), engine)
        desk = NightlyDesk(plans, BuildStore(engine), History(engine), settings.schedule, clock)
        return await room.desk.run(desk, known[room.repository_id], night, anew=anew)


@asynccontextmanager
async def _room(settings: BotSettings, repository_id: int) -> AsyncIterator[_Room]:
    from bot.clock import SystemClock
    from bot.nightly.by_hand import BuildDesk
    from bot.store.builds import BuildStore
    from bot.store.database import migrate, open_engine
    from bot.store.history import History
    from bot.store.jobs import JobStore

    engine = open_engine(settings.database_url)
    try:
        await migrate(engine)
        desk = BuildDesk(BuildStore(engine), JobStore(engine), History(engine), SystemClock(), repository_id)
        yield _Room(settings, engine, repository_id, desk)
    finally:
        await engine.dispose()


def _date(night: str) -> date | None:
    try:
        return date.fromisoformat(night.partition(".")[0]) if night else None
    except ValueError:
        stop(f"{night!r} is no date: write it such as 2026-11-21.")


def _warn(asked: Asked) -> None:
    if asked.warning:
        typer.echo(asked.warning, err=True)


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a name for its user
        return ""
