"""What operators' commands have in common: settings, the repository that is meant, and ending with a word."""

from __future__ import annotations

import getpass
from typing import NoReturn

import typer

from bot.settings import BotSettings, SettingsError, read_settings


def settings_or_stop() -> BotSettings:
    """Return the settings; where they cannot be used, say why and end."""
    try:
        return read_settings()
    except SettingsError as error:
        stop(str(error))


def chosen_repository(settings: BotSettings, repository: int) -> int:
    """Return the id of the repository that is meant, 0 for the only one; end where that is not clear."""
    if not repository and len(settings.repositories) > 1:
        stop("Several repositories are served: name one with --repository ID.")
    chosen = repository or min(settings.repositories)
    if chosen not in settings.repositories:
        stop(f"Repository {chosen} is not served: TAXONOMY_BOT_REPOSITORIES does not name it.")
    return chosen


def stop(message: str) -> NoReturn:
    """End with exit code 2, and say why."""
    typer.echo(message, err=True)
    raise typer.Exit(2)


def account() -> str:
    """Return who sits here, as the system knows them; empty where it does not."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a name for its user
        return ""
