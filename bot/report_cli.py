"""`taxonomy-bot nightly report`: the report of a build in a terminal, or all of it as JSON."""

from __future__ import annotations

import asyncio
import re
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from bot.at_the_terminal import chosen_repository, settings_or_stop, stop
from bot.settings import BotSettings

if TYPE_CHECKING:
    from bot.nightly.build_view import BuildView

_NAMED = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.(\d{1,6}))?")


def report(
    build: Annotated[str, typer.Argument(help="Such as 2026-11-21.1, or its night; without it, the newest.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print everything, as JSON (docs/nightly.md).")] = False,
    repository: Annotated[int, typer.Option(help="The repository's numeric id; needed if several are served.")] = 0,
) -> None:
    """Show what came of a build: ship it or not, why, and what to type; then everything else."""
    settings = settings_or_stop()
    night, attempt = _named(build)
    view = asyncio.run(view_now(settings, chosen_repository(settings, repository), night))
    if view is None:
        stop(
            f"There is no build of {night}. `taxonomy-bot nightly status` lists the last ones."
            if night
            else "There is no build yet. `taxonomy-bot nightly plan` shows what one would take in."
        )
    if attempt and attempt != view.build.attempt:
        stop(
            f"{night}.{attempt} was planned anew since: what is known is {view.name}. Its own report stands in the "
            "history of the issue."
        )
    if as_json:
        from bot.nightly.report_data import report_as_json

        typer.echo(report_as_json(view))
        return
    from rich.console import Console

    from bot.nightly.report_shown import show_report

    show_report(view, Console())


async def view_now(settings: BotSettings, repository_id: int, night: date | None) -> BuildView | None:
    """Return the build of a night, or the newest that is not passed over; None where there is none."""
    from bot.artifact_links import ArtifactLinks
    from bot.clock import SystemClock
    from bot.nightly.builds import BuildState
    from bot.nightly.reporting import make_view_room
    from bot.store.builds import BuildStore
    from bot.store.database import migrate, open_engine
    from bot.store.repositories import RepositoryStore

    engine, clock = open_engine(settings.database_url), SystemClock()
    try:
        await migrate(engine)
        builds = BuildStore(engine)
        if night is not None:
            build = await builds.of_night(repository_id, night)
        else:
            newest = await builds.newest(repository_id, 10)
            build = next((each for each in newest if each.state is not BuildState.PASSED_OVER), None)
        if build is None:
            return None
        origin = await RepositoryStore(engine, clock).origin_of(repository_id)
        links = ArtifactLinks(settings.webhook_secrets, settings.public_url, settings.artifact_link_s)
        room = make_view_room(settings, engine, links, clock)
        return await room.view(build, origin.full_name if origin else str(repository_id))
    finally:
        await engine.dispose()


def _named(build: str) -> tuple[date | None, int]:
    if not build:
        return None, 0
    named = _NAMED.fullmatch(build)
    try:
        night = date.fromisoformat(named[1]) if named else None
    except ValueError:
        night = None
    if named is None or night is None:
        stop("A build is named by its night and its attempt, such as 2026-11-21.1.")
    return night, int(named[2] or 0)
