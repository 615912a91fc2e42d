"""`taxonomy-bot backup` and `taxonomy-bot restore`: everything the database holds, in one file, and back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from bot.at_the_terminal import settings_or_stop, stop


def backup(
    target: Annotated[
        Path, typer.Argument(metavar="FILE|FOLDER", help="Where to; in a folder it is named by time.")
    ],
    with_artifacts: Annotated[
        bool, typer.Option("--artifacts", help="Also the files in the artifact store, not only their list.")
    ] = False,
) -> None:
    """Back up the database while the bot runs, as it stands at one moment. Only you may read the file.

    It holds names, texts and webhooks of contributors: encrypt what leaves this machine (docs/backup.md).
    """
    from bot.backup.manifest import BackupError
    from bot.backup.saving import save
    from bot.clock import SystemClock
    from pipeline.artifacts import ArtifactError, ArtifactStore

    settings, now = settings_or_stop(), SystemClock().now()
    path = target / f"taxonomy-bot-{now:%Y%m%dT%H%M%SZ}.zip" if target.is_dir() else target
    try:
        store = ArtifactStore(settings.artifact_store_url)
        saved = asyncio.run(save(settings.database_url, store, path, now, with_artifacts=with_artifacts))
    except (BackupError, ArtifactError) as error:
        stop(str(error))
    typer.echo(f"{saved.path}: {saved.rows:,} rows, {saved.size:,} bytes.")
    inside = (
        "all of them inside" if saved.artifacts_inside == saved.artifacts else f"{saved.artifacts_inside:,} inside"
    )
    typer.echo(f"The artifact store holds {saved.artifacts:,} files, {inside}.")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `taxonomy-bot backup` has made.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete first what the database holds; else it has to be empty.")
    ] = False,
) -> None:
    """Bring a backup back: all of it or nothing, into SQLite or PostgreSQL, and up to this version's schema.

    Stop the bot first. After its next start the sweep catches up with what has happened on GitHub since.
    """
    from bot.backup.manifest import BackupError
    from bot.backup.restoring import restore as brought_back
    from pipeline.artifacts import ArtifactError, ArtifactStore

    settings = settings_or_stop()
    try:
        store = ArtifactStore(settings.artifact_store_url)
        done = asyncio.run(brought_back(settings.database_url, store, file, replace=replace))
    except (BackupError, ArtifactError) as error:
        stop(str(error))
    told = done.manifest
    typer.echo(f"Restored {done.rows:,} rows of {told.made_at:%Y-%m-%d %H:%M:%S} UTC, by version {told.made_by}.")
    typer.echo(f"Put {done.artifacts:,} files into the artifact store; {done.lacking:,} that it named are lacking.")
