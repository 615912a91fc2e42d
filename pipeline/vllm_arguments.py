"""The command line of a vLLM server, built from settings. Pure; what would run a model's own code is refused.

Source: the arguments of `vllm serve`, vLLM 0.32.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.settings import ServeSettings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_RUNS_CODE = re.compile(r"trust[-_.]*remote[-_.]*code", re.IGNORECASE)
_OWN = {
    "--model": "SERVE_MODEL",
    "--served-model-name": "TEACHER_MODEL",
    "--host": "SERVE_HOST",
    "--port": "SERVE_PORT",
    "--dtype": "SERVE_DTYPE",
    "--load-format": "SERVE_LOAD_FORMAT",
    "--tensor-parallel-size": "SERVE_TENSOR_PARALLEL",
    "-tp": "SERVE_TENSOR_PARALLEL",
    "--max-model-len": "SERVE_MAX_MODEL_LEN",
    "--gpu-memory-utilization": "SERVE_GPU_MEMORY",
    "--enable-lora": "SERVE_ADAPTERS",
    "--lora-modules": "SERVE_ADAPTERS",
    "--api-key": "TEACHER_API_KEY",
}
_NEVER = ("--trust-remote-code", "--config")  # a configuration file may set the former
_OURS = "TAXONOMY_"


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter that is served under a name of its own."""

    name: str
    folder: Path


def adapters_of(text: str) -> tuple[Adapter, ...]:
    """Return the adapters of `NAME=FOLDER,NAME=FOLDER`. Raises ValueError saying which part is wrong."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, sign, folder = part.partition("=")
        if not sign or not folder or not _NAME.fullmatch(name):
            raise ValueError(f"{part!r} is not NAME=FOLDER, with a name of letters, digits, dots and dashes")
        found.append(Adapter(name, Path(folder)))
    if len({adapter.name for adapter in found}) < len(found):
        raise ValueError("two adapters have the same name")
    return tuple(found)


def checked_name(value: str) -> str:
    """Return a model's name or folder if it cannot be taken for an option. Raises ValueError."""
    if value.startswith("-") or not value.isprintable():
        raise ValueError("may not begin with a dash nor hold unprintable characters")
    return value


def checked_extra(extra: Sequence[str]) -> tuple[str, ...]:
    """Return more arguments if they are harmless and no setting of ours owns them. Raises ValueError.

    The server takes `_` for `-` and any beginning of an option for the option, so these are compared alike.
    """
    for argument in extra:
        if _RUNS_CODE.search(argument):
            raise ValueError(f"{argument!r} would let a model run code of its own; that is never allowed")
        if not argument.startswith("-"):
            continue
        option = re.split(r"[=.]", argument, maxsplit=1)[0].replace("_", "-")
        if any(_may_mean(option, never) for never in _NEVER):
            raise ValueError(f"{argument!r} is not allowed, for it could let a model run code of its own")
        owner = next((setting for own, setting in _OWN.items() if _may_mean(option, own)), None)
        if owner is not None:
            raise ValueError(f"{argument!r} is set by TAXONOMY_PIPELINE_{owner}")
    return tuple(extra)


def _may_mean(option: str, whole: str) -> bool:
    return option == whole or (len(option) > 2 and option.startswith("--") and whole.startswith(option))


def serve_arguments(settings: ServeSettings) -> list[str]:
    """Return the whole command line, the program first. No secret is in it."""
    program = list(settings.serve_program)
    model = [settings.serve_model] if program[-1] == "serve" else [f"--model={settings.serve_model}"]
    arguments = [
        *program,
        *model,
        f"--served-model-name={settings.teacher_model or settings.serve_model}",
        f"--host={settings.serve_host}",
        f"--port={settings.serve_port}",
        f"--dtype={settings.serve_dtype}",
        f"--load-format={settings.serve_load_format}",
        f"--tensor-parallel-size={settings.serve_tensor_parallel}",
        f"--gpu-memory-utilization={settings.serve_gpu_memory}",
    ]
    if settings.serve_max_model_len is not None:
        arguments.append(f"--max-model-len={settings.serve_max_model_len}")
    if settings.serve_adapters:
        arguments += ["--enable-lora", "--lora-modules"]
        arguments += [f"{adapter.name}={adapter.folder}" for adapter in settings.serve_adapters]
    return arguments + list(settings.serve_extra)


def serve_environment(settings: ServeSettings, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the server's environment: ours without our own settings, and the key that it asks clients for."""
    kept = {name: value for name, value in environment.items() if not name.startswith(_OURS)}
    kept.pop("VLLM_API_KEY", None)
    kept.setdefault("VLLM_NO_USAGE_STATS", "1")
    kept.setdefault("DO_NOT_TRACK", "1")
    key = settings.teacher_api_key.get_secret_value()
    return kept | ({"VLLM_API_KEY": key} if key else {})
