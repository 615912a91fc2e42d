"""`taxonomy-bot setup`: make the App in a browser, with a program that is there for this alone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from bot.at_the_terminal import stop


def setup(
    organization: Annotated[str, typer.Option(help="Who owns the App; your own account without.")] = "",
    public_url: Annotated[
        str, typer.Option(help="Where GitHub reaches the bot, such as https://bot.example.org.")
    ] = "",
    write: Annotated[Path, typer.Option(help="The file that the settings are written to.")] = Path(
        "taxonomy-bot.env"
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace that file if it is there.")] = False,
    kubectl: Annotated[
        bool, typer.Option("--kubectl", help="Print a line that makes a Secret, instead of writing a file.")
    ] = False,
    namespace: Annotated[str, typer.Option(help="Of the Secret.")] = "default",
    name: Annotated[str, typer.Option(help="Of the Secret.")] = "taxonomy-bot",
    port: Annotated[int, typer.Option(help="On this machine; 0 takes a free one.", min=0, max=65535)] = 0,
    github_web_url: Annotated[str, typer.Option(help="Of a GitHub Enterprise Server.")] = "https://github.com",
    github_api_url: Annotated[str, typer.Option(help="Its API, where that is not at /api/v3.")] = "",
) -> None:
    """Make the GitHub App in your browser, choose the repositories, and keep its keys. Ends by itself."""
    from bot.clock import SystemClock
    from bot.setup.keeping import EnvFile, KeepingError, KubernetesSecret
    from bot.setup.plan import Plan, PlanError, checked_plan
    from bot.setup.program import walk_through

    keeping = KubernetesSecret(name, namespace) if kubectl else EnvFile(write, force)
    said = Plan(organisation=organization, public_url=public_url, web_url=github_web_url, api_url=github_api_url)
    try:
        plan = checked_plan(said)
        is_done = asyncio.run(walk_through(plan, keeping, port, SystemClock(), _invite))
    except (PlanError, KeepingError) as error:
        stop(str(error))
    except OSError as error:
        stop(f"Nothing can listen on 127.0.0.1, port {port}: {error.strerror}. Choose another with --port.")
    except KeyboardInterrupt:
        is_done = False
    if not is_done:
        ended = (
            "Ended before the last step. If GitHub has made the App already, delete it in its settings (or look up "
            "the repositories' ids for TAXONOMY_BOT_REPOSITORIES yourself), and start again."
        )
        stop("\n".join(filter(None, (ended, keeping.left_behind()))))
    typer.echo("\nDone. What comes now:\n")
    for line in keeping.next_steps():
        typer.echo(f"  {line}")


def _invite(address: str) -> None:
    port = address.partition("127.0.0.1:")[2].partition("/")[0]
    typer.echo("Open this address in your browser. It works once, and for an hour:\n")
    typer.echo(f"  {address}\n")
    typer.echo(f"Is this another machine than your browser's? There: ssh -L {port}:127.0.0.1:{port} THIS-MACHINE")
    typer.echo("Waiting; Ctrl-C ends it.")
