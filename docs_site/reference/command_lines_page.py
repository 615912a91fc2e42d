"""docs/command-lines.md: the three programs with all their commands and options, as they describe themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import typer

from bot.cli import cli as bot
from checks.cli import app as checks
from docs_site.reference.cells import MADE, cell, table
from pipeline.cli import cli as pipeline

_PROGRAMS = (("taxonomy-check", checks), ("taxonomy-bot", bot), ("taxonomy-pipeline", pipeline))
_HEAD = f"""# Command lines

{MADE}

Three programs, each with `--help`. Exit status 0: done; 1: something is to be put right; 2: it could not be tried,
and the message says why.
"""


def page() -> str:
    """Return the page."""
    parts = [_HEAD]
    for name, command in commands():
        level = "##" if " " not in name else "###"
        parts += [f"{level} `{name}`\n", *_about(command)]
    return "\n".join(parts)


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every program and command with its full name, groups before what is in them."""
    for name, app in _PROGRAMS:
        yield from _below(name, typer.main.get_command(app))


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield name, command
    for word, inner in sorted(getattr(command, "commands", {}).items()):
        if not inner.hidden:
            yield from _below(f"{name} {word}", inner)


def _about(command: Any) -> Iterator[str]:
    if words := inspect.cleandoc(command.help or ""):
        yield words.replace("\f", "").replace("\b\n", "") + "\n"
    rows = [
        (f"`{_written(one)}`", _default(one), cell(getattr(one, "help", None) or ""))
        for one in command.params
        if not getattr(one, "hidden", False) and one.name not in ("help", "install_completion", "show_completion")
    ]
    if rows:
        yield "\n".join(table(("argument", "default", "meaning"), rows)) + "\n"


def _written(one: Any) -> str:
    if one.param_type_name == "argument":
        word = (one.metavar or one.name or "").upper()
        return word if one.required else f"[{word}]"
    names = ", ".join(one.opts) + "".join(f" / {name}" for name in one.secondary_opts)
    return names if one.is_flag else f"{names} {one.metavar or _value(one.type_descriptor.annotation)}"


def _value(kind: Any) -> str:
    """What is written for a value of that kind: its choices, or its name."""
    if inspect.isclass(kind) and issubclass(kind, Enum):
        return "\\|".join(str(choice.value) for choice in kind)
    parts = [one for one in get_args(kind) if one is not type(None)]
    return _value(parts[0]) if parts else getattr(kind, "__name__", "text").replace("str", "text").upper()


def _default(one: Any) -> str:
    if one.required:
        return "required"
    value = getattr(one.default, "value", one.default)
    if callable(value) or value in (None, "", (), [], False):
        return ""
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return f"`{text.replace(str(Path.home()), '~')}`"
