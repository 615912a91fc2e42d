"""`taxonomy-pipeline serve-student`: a student and its adapters behind OpenAI's protocol, by transformers."""

from __future__ import annotations

import asyncio
import ipaddress
from pathlib import Path
from typing import Annotated

import typer

from pipeline.settings import PipelineSettingsError, read_pipeline_settings
from pipeline.vllm_arguments import Adapter, adapters_of, checked_name


class ServeStudentError(Exception):
    """The student cannot be served as it was asked for; the text says what to change."""


def serve_student_command(
    model: Annotated[Path, typer.Option(help="The folder of the base model, as safetensors.")],
    adapter: Annotated[
        list[str] | None, typer.Option(help="NAME=FOLDER of an adapter that was trained on it; may be repeated.")
    ] = None,
    adapters_from: Annotated[
        Path | None,
        typer.Option(help="Take on adapters from folders below this one while serving (/v1/load_lora_adapter)."),
    ] = None,
    name: Annotated[str, typer.Option(help="The base model's name; without, that of its folder.")] = "",
    host: Annotated[str, typer.Option(help="Listen here.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 0,
    slots: Annotated[int, typer.Option(help="Write so many answers at once.", min=1, max=512)] = 16,
    line: Annotated[int, typer.Option(help="Let so many wait; to more it says 429.", min=1)] = 1024,
    max_model_len: Annotated[
        int | None, typer.Option(help="Tokens of prompt and answer at most; without, the model's own limit.", min=2)
    ] = None,
    device: Annotated[str, typer.Option(help="Such as cpu or cuda:0; without, a GPU where there is one.")] = "",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    threads: Annotated[int, typer.Option(help="Cores to use; 0: torch decides.", min=0)] = 0,
    until_stdin_ends: Annotated[bool, typer.Option(help="Stop when standard input ends.", hidden=True)] = False,
) -> None:
    """Serve a student and its adapters, each under a name of its own. The key, if any, is STUDENT_API_KEY."""
    try:
        served = checked_names(model, name, adapters_of(",".join(adapter or ())))
        key = _key(host)
    except (ServeStudentError, PipelineSettingsError, ValueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    from pipeline.openai_protocol.process import serve
    from pipeline.serving.engine import Engine
    from pipeline.serving.loading import load, quiet
    from pipeline.serving.server import StudentServer
    from pipeline.training.errors import TrainingError

    quiet(threads)
    base, *others = served
    try:
        folders = {other.name: other.folder for other in others}
        loaded = load(model, folders, device=device, dtype=dtype, longest=max_model_len)
        with Engine(loaded, slots, line) as engine:
            server = StudentServer(
                engine, loaded, base.name, host=host, port=port, api_key=key, adapters_from=adapters_from
            )
            who = ", ".join([f"student {base.name}", *(f"adapter {other.name}" for other in others)])
            asyncio.run(serve(server, who, until_stdin_ends=until_stdin_ends))
    except TrainingError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except OSError as error:
        typer.echo(f"The student cannot listen on {host}, port {port}: {error.strerror}.", err=True)
        raise typer.Exit(1) from None


def checked_names(model: Path, name: str, adapters: tuple[Adapter, ...]) -> tuple[Adapter, ...]:
    """Return base and adapters, each with the name it is served by. Raises ServeStudentError, ValueError."""
    base = checked_name(name or model.resolve().name)
    if clash := next((adapter for adapter in adapters if adapter.name == base), None):
        raise ServeStudentError(
            f"{clash.name} is the name of the base model: give the adapter another, or --name it."
        )
    return (Adapter(base, model), *adapters)


def _key(host: str) -> str:
    """Return the key that clients need. Raises ServeStudentError where others could use the server without one."""
    key = read_pipeline_settings().student_api_key.get_secret_value()
    try:
        is_here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    if not key and not is_here:
        raise ServeStudentError(
            f"On {host} others could use the student: set TAXONOMY_PIPELINE_STUDENT_API_KEY to a key that they "
            "need, or listen on 127.0.0.1."
        )
    return key
