"""`taxonomy-pipeline`: workers, and the model side by hand."""

from __future__ import annotations

import os
import shutil
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

cli = typer.Typer(
    name="taxonomy-pipeline",
    help="The model side: a worker that does jobs, and the same steps by hand.",
    no_args_is_help=True,
)

_NEEDED = ("torch", "transformers", "peft", "accelerate", "datasets", "lm-eval", "celery", "redis")
_FOR_GPU = ("vllm", "bitsandbytes")


@cli.callback(invoke_without_command=True)
def _main(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if show_version:
        typer.echo(f"taxonomy-pipeline {version('taxonomy-bot')}")
        raise typer.Exit


@cli.command()
def doctor() -> None:
    """Say what this machine has of what the pipeline needs, and how to get the rest. Exit 1 if something lacks."""
    missing = [name for name in _NEEDED if not _reports(name)]
    missing_gpu = [name for name in _FOR_GPU if not _reports(name)]
    gpu = "yes" if shutil.which("nvidia-smi") else "none found (nvidia-smi is not on the path)"
    typer.echo(f"{'GPU':14} {gpu}")
    typer.echo(f"{'cores':14} {os.cpu_count()}")
    if missing_gpu:
        typer.echo('\nOnly needed with a GPU, and missing: install them with  pip install "taxonomy-bot[gpu]"')
    if missing:
        typer.echo('\nMissing: install the pipeline with  pip install "taxonomy-bot[pipeline]"')
        raise typer.Exit(1)


@cli.command()
def worker(
    queues: Annotated[
        str, typer.Option(help="Take jobs from these queues only, separated by commas; all without.")
    ] = "",
) -> None:
    """Take jobs and do them, one at a time. Settings come from TAXONOMY_PIPELINE_... variables."""
    from pipeline.app import run_worker
    from pipeline.settings import PipelineSettingsError, read_pipeline_settings

    try:
        settings = read_pipeline_settings(**({"queues": queues} if queues else {}))
    except PipelineSettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    run_worker(settings)


def _reports(name: str) -> bool:
    """Print a package's version, or that it is missing; return whether it is there."""
    try:
        typer.echo(f"{name:14} {version(name)}")
    except PackageNotFoundError:
        typer.echo(f"{name:14} missing")
        return False
    return True


def main() -> None:
    """Run the command line."""
    cli()
