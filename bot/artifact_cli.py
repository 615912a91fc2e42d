"""`taxonomy-bot artifacts`: what is kept of a pull request's jobs, and cleaning up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from bot.at_the_terminal import settings_or_stop, stop
from bot.settings import BotSettings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from bot.artifact_retention import Cleaned

artifacts = typer.Typer(
    help="The files that jobs leave behind: list those of a pull request, clean up old ones.", no_args_is_help=True
)


@artifacts.command("list")
def list_artifacts(
    pull_request: Annotated[int, typer.Argument(help="The pull request's number.")],
    repository: Annotated[int, typer.Option(help="The repository's numeric id; needed if several are served.")] = 0,
) -> None:
    """List the artifacts of a pull request, with fresh links where TAXONOMY_BOT_PUBLIC_URL is set."""
    from pipeline.artifacts import ArtifactError

    settings = settings_or_stop()
    if not repository and len(settings.repositories) > 1:
        stop("Several repositories are served: name one with --repository ID.")
    try:
        asyncio.run(_list(settings, repository or min(settings.repositories), pull_request))
    except ArtifactError as error:
        stop(str(error))


@artifacts.command()
def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
    older_than: Annotated[
        int | None, typer.Option(min=1, metavar="DAYS", help="Keep for so long, instead of ARTIFACT_DAYS.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Even if the database names no artifact at all.")] = False,
) -> None:
    """Delete artifacts that nothing names any more, or that were last stored longer ago than they are to be kept.

    What builds still need stays: the data of their leaves, and what the last good, the pinned and the running one
    have made. What was stored in the last hour stays, and so does what was stored since the oldest job was queued
    that is not over, or whose end is not shown on GitHub yet.
    Exit 1 if something could not be deleted.
    """
    from bot.artifact_retention import NothingNamedError
    from pipeline.artifacts import ArtifactError

    settings = settings_or_stop()
    keep_for = timedelta(days=older_than or settings.artifact_days)
    try:
        cleaned = asyncio.run(_clean(settings, keep_for, dry_run=dry_run, force=force))
    except NothingNamedError:
        stop(
            "Nothing was deleted: the database names no artifact at all, while the store holds some. Is "
            "TAXONOMY_BOT_DATABASE_URL the bot's database? If it is, and all of them may go, say --force."
        )
    except ArtifactError as error:
        stop(f"{error}\nNothing more was deleted.")
    verb = "Would delete" if dry_run else "Deleted"
    typer.echo(f"{verb} {cleaned.deleted} file(s), {cleaned.freed_bytes:,} bytes.")
    if cleaned.failed:
        typer.echo(f"{cleaned.failed} file(s) could not be deleted; see above.", err=True)
        raise typer.Exit(1)


async def _list(settings: BotSettings, repository_id: int, number: int) -> None:
    from bot.artifact_links import ArtifactLinks
    from bot.clock import SystemClock
    from bot.store.artifacts import ArtifactRows
    from pipeline.artifacts import ArtifactStore

    links = ArtifactLinks(settings.webhook_secrets, settings.public_url, settings.artifact_link_s)
    store, now = ArtifactStore(settings.artifact_store_url), SystemClock().now()
    async with _engine(settings) as engine:
        kept = await ArtifactRows(engine).of_pull(repository_id, number)
    for each in kept:
        artifact = each.artifact
        of_job = f", job {each.job_id}" if each.job_id is not None else ""
        is_there = await asyncio.to_thread(store.exists, artifact)
        typer.echo(
            f"{each.stored_at:%Y-%m-%d %H:%M:%S} {artifact.sha256[:12]} {artifact.size:>14,} bytes  "
            f"{artifact.name} ({artifact.media_type}{of_job}){'' if is_there else '  NOT IN THE STORE'}"
        )
        if is_there and (link := links.link(artifact.sha256, artifact.name, now)):
            typer.echo(f"    {link}")
    if not kept:
        typer.echo(f"Nothing is kept of #{number}.")


async def _clean(settings: BotSettings, keep_for: timedelta, *, dry_run: bool, force: bool) -> Cleaned:
    from bot.artifact_retention import Cleaner
    from bot.clock import SystemClock
    from bot.nightly.needed import NeededByBuilds
    from bot.store.artifacts import ArtifactRows
    from pipeline.artifacts import ArtifactStore

    store = ArtifactStore(settings.artifact_store_url)
    async with _engine(settings) as engine:
        cleaner = Cleaner(ArtifactRows(engine), store, typer.echo, NeededByBuilds(engine))
        now = SystemClock().now()
        return await cleaner.clean(now, keep_for, dry_run=dry_run, even_if_nothing_is_named=force)


@asynccontextmanager
async def _engine(settings: BotSettings) -> AsyncIterator[AsyncEngine]:
    from bot.store.database import migrate, open_engine

    engine = open_engine(settings.database_url)
    try:
        await migrate(engine)
        yield engine
    finally:
        await engine.dispose()
