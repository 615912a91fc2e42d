"""`taxonomy-bot audit`: everything that was done on a pull request, by people and by the bot."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from bot.settings import SettingsError, read_settings

if TYPE_CHECKING:
    from bot.store.desk_log import AuditEntry
    from bot.store.history import StateChange


def audit(
    pull_request: Annotated[int, typer.Argument(help="The pull request's number.")],
    repository: Annotated[int, typer.Option(help="The repository's numeric id; needed if several are served.")] = 0,
) -> None:
    """List all that was done on a pull request, and how it moved: when, who, in which role, what, which commit."""
    try:
        settings = read_settings()
    except SettingsError as error:
        _stop(str(error))
    if not repository and len(settings.repositories) > 1:
        _stop("Several repositories are served: name one with --repository ID.")
    lines = asyncio.run(audit_lines(settings.database_url, repository or min(settings.repositories), pull_request))
    for line in lines:
        typer.echo(line)
    if not lines:
        typer.echo(f"Nothing is written down of #{pull_request}.")


async def audit_lines(database_url: str, repository_id: int, number: int) -> list[str]:
    """Return a line for each act and each move of a pull request, oldest first."""
    from bot.store.database import migrate, open_engine
    from bot.store.desk_log import DeskLog
    from bot.store.history import History

    engine = open_engine(database_url)
    try:
        await migrate(engine)
        entries = await DeskLog(engine).of_pull(repository_id, number)
        moves = await History(engine).of_pull(repository_id, number)
    finally:
        await engine.dispose()
    dated = [(entry.at, _act(entry)) for entry in entries] + [(move.at, _move(move)) for move in moves]
    return [f"{at:%Y-%m-%d %H:%M:%S} {text}" for at, text in sorted(dated, key=lambda line: line[0])]


def _act(e: AuditEntry) -> str:
    arguments = f" {e.arguments}" if e.arguments else ""
    return f"{e.actor} ({e.role}) {e.act}{arguments} at {e.sha[:7]}: {e.result}"


def _move(move: StateChange) -> str:
    return f"{move.actor or 'taxonomy-bot'} {move.source} -> {move.target}: {move.trigger}"


def _stop(message: str) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(2)
