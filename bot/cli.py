"""`taxonomy-bot`: serve webhooks, play the demo, check settings and policies."""

from __future__ import annotations

import asyncio
import sys
from importlib.metadata import version
from typing import Annotated

import typer
from aiohttp import web

from bot.adopt_cli import adopt, observe
from bot.artifact_cli import artifacts
from bot.audit_cli import audit
from bot.backup_cli import backup, restore
from bot.config_cli import check_config
from bot.deliveries_cli import deliveries
from bot.doctor_cli import doctor
from bot.forget_cli import forget
from bot.gpu_cli import gpu
from bot.nightly_cli import nightly
from bot.notices_cli import notices
from bot.settings import POLL_S, SettingsError, read_settings
from bot.setup_cli import setup
from bot.simulate_cli import simulate
from bot.store.address import DatabaseError
from bot.upgrade_cli import upgrade

# by default a thread waits up to 5 ms for the event loop to let it run, and each statement of the database's
# thread has several such waits: under load that cost a third of the time to a verdict
SWITCH_INTERVAL_S = 0.0005

cli = typer.Typer(
    name="taxonomy-bot",
    help="The contribution bot: judges pull requests on a taxonomy repository.",
    no_args_is_help=True,
)
cli.add_typer(artifacts, name="artifacts")
cli.add_typer(deliveries, name="deliveries")
cli.add_typer(gpu, name="gpu")
cli.add_typer(nightly, name="nightly")
cli.command()(adopt)
cli.command()(audit)
cli.command()(backup)
cli.command()(forget)
cli.command("check-config")(check_config)
cli.command()(doctor)
cli.command()(notices)
cli.command()(observe)
cli.command()(setup)
cli.command()(restore)
cli.command()(simulate)
cli.command()(upgrade)


def _print_version(wanted: bool) -> None:
    if wanted:
        from bot.version import own_version

        typer.echo(f"taxonomy-bot {own_version()}")
        raise typer.Exit


@cli.callback()
def _main(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version, and stop.")
    ] = False,
) -> None:
    pass


@cli.command()
def serve(
    poll: Annotated[
        bool, typer.Option(help="Ask GitHub what has happened: for sites that no webhook reaches.")
    ] = False,
    relay: Annotated[
        str,
        typer.Option(metavar="URL", help="Fetch webhooks from a smee channel, such as https://smee.io/CHANNEL."),
    ] = "",
) -> None:
    """Take GitHub's webhooks and judge pull requests. Settings come from TAXONOMY_BOT_... variables."""
    from bot.app import make_app
    from bot.logs import configure_logs
    from pipeline import tracing
    from pipeline.artifacts import ArtifactStoreError

    try:
        settings = read_settings(**({"relay_url": relay} if relay else {}))
        if poll and not settings.poll_seconds:
            settings = settings.model_copy(update={"poll_seconds": POLL_S})
        app = make_app(settings)
    except (SettingsError, ArtifactStoreError) as error:
        _stop(str(error))
    configure_logs(settings.log_format)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        tracing.start("taxonomy-bot", version("taxonomy-bot"), settings.traces_url)
    except tracing.TracingError as error:
        _stop(str(error))
    web.run_app(app, host=settings.host, port=settings.port, access_log=None, print=None)
    tracing.stop()


@cli.command()
def demo(
    keep: Annotated[bool, typer.Option(help="Leave everything running at the end, until Ctrl-C.")] = False,
) -> None:
    """Play the whole story on this machine: a simulated GitHub, the real bot, a good and a bad pull request."""
    from bot.demo import play

    raise typer.Exit(asyncio.run(play(keep=keep)))


@cli.command("nightly-demo")
def nightly_demo() -> None:
    """Play two nights on this machine: merged pull requests become a model, which is served, and taken back."""
    from bot.demo.night_story import play_nights

    raise typer.Exit(asyncio.run(play_nights()))


def _stop(message: str) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(2)


def main() -> None:
    """Run the command line."""
    try:
        cli()
    except DatabaseError as error:
        typer.echo(str(error), err=True)
        sys.exit(2)
