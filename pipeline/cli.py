"""`taxonomy-pipeline`: workers, and the model side by hand."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Annotated

import typer

from pipeline.chat_cli import chat_command
from pipeline.doctor_cli import doctor_command
from pipeline.evaluate_cli import evaluate_command
from pipeline.generate_cli import generate_command
from pipeline.hub_upload_cli import hub_upload_command
from pipeline.mix_cli import mix_command
from pipeline.serve_student_cli import serve_student_command
from pipeline.tiny.student_cli import tiny_student_command
from pipeline.train_cli import train_command

cli = typer.Typer(
    name="taxonomy-pipeline",
    help="The model side: a worker that does jobs, and the same steps by hand.",
    no_args_is_help=True,
)

cli.command("doctor")(doctor_command)
cli.command("generate")(generate_command)
cli.command("train")(train_command)
cli.command("evaluate")(evaluate_command)
cli.command("tiny-student")(tiny_student_command)
cli.command("mix")(mix_command)
cli.command("chat")(chat_command)
cli.command("serve-student")(serve_student_command)
cli.command("hub-upload")(hub_upload_command)


@cli.callback(invoke_without_command=True)
def _main(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if show_version:
        typer.echo(f"taxonomy-pipeline {version('taxonomy-bot')}")
        raise typer.Exit


@cli.command()
def worker(
    queues: Annotated[
        str, typer.Option(help="Take jobs from these queues only, separated by commas; all without.")
    ] = "",
) -> None:
    """Take jobs and do them, one at a time. Settings come from TAXONOMY_PIPELINE_... variables."""
    from pipeline.app import run_worker
    from pipeline.gpus import GpuError
    from pipeline.settings import PipelineSettingsError, read_pipeline_settings
    from pipeline.tracing import TracingError

    try:
        settings = read_pipeline_settings(**({"queues": queues} if queues else {}))
    except PipelineSettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    try:
        run_worker(settings)
    except (GpuError, TracingError) as error:
        typer.echo(f"The worker cannot start: {error}", err=True)
        raise typer.Exit(2) from None


@cli.command(name="offline-teacher")
def offline_teacher(
    host: Annotated[str, typer.Option(help="Listen here.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 0,
    delay_ms: Annotated[float, typer.Option(help="Answer after so long.", min=0)] = 0.0,
    slots: Annotated[int, typer.Option(help="Answer so many requests at once; 0: all.", min=0)] = 0,
    line: Annotated[int | None, typer.Option(help="Say 429 when more than so many wait for a slot.", min=0)] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="Let a share of the requests fail: KIND:SHARE or KIND:SHARE:TIMES, such as 429:0.2. Kinds: slow, "
            "429, 500, 503, cut, reset, silent, garbage, rating, empty, shape. A retry succeeds after TIMES (1)."
        ),
    ] = None,
    fault_seed: Annotated[int, typer.Option(help="Another number: other requests fail.")] = 0,
    slow_ms: Annotated[float, typer.Option(help="How much later a slow answer comes.", min=0)] = 2000.0,
    retry_after_s: Annotated[float, typer.Option(help="What Retry-After says.", min=0)] = 0.0,
    model: Annotated[list[str] | None, typer.Option(help="Answer to this name, too.")] = None,
    until_stdin_ends: Annotated[bool, typer.Option(help="Stop when standard input ends.", hidden=True)] = False,
) -> None:
    """Serve rules that answer like a model, by OpenAI's protocol: to try everything out without a model."""
    from pipeline.openai_protocol.process import serve
    from pipeline.tiny import NAME
    from pipeline.tiny.faults import FaultError
    from pipeline.tiny.server import OfflineTeacher

    try:
        teacher = OfflineTeacher(
            host=host,
            port=port,
            delay_ms=delay_ms,
            slots=slots,
            line=line,
            faults=fault or (),
            fault_seed=fault_seed,
            slow_ms=slow_ms,
            retry_after_s=retry_after_s,
            models=model or (),
        )
        asyncio.run(serve(teacher, NAME, until_stdin_ends=until_stdin_ends))
    except FaultError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except OSError as error:
        typer.echo(f"The offline teacher cannot listen on {host}, port {port}: {error.strerror}.", err=True)
        raise typer.Exit(1) from None


@cli.command()
def serve_teacher(
    show: Annotated[bool, typer.Option("--show", help="Print the server's command line and stop.")] = False,
) -> None:
    """Start a vLLM server and watch it. Settings come from TAXONOMY_PIPELINE_SERVE_... variables."""
    import asyncio
    import shlex

    from pipeline.serve_teacher import ServeError, serve
    from pipeline.settings import PipelineSettingsError, read_serve_settings
    from pipeline.vllm_arguments import serve_arguments

    try:
        settings = read_serve_settings()
    except PipelineSettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    if show:
        typer.echo(shlex.join(serve_arguments(settings)))
        return
    try:
        asyncio.run(serve(settings, lambda line: typer.echo(f"teacher {line}")))
    except ServeError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def main() -> None:
    """Run the command line."""
    cli()
