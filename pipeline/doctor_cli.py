"""`taxonomy-pipeline doctor`: examine a machine of the model side, and say how to put right what is wrong."""

from __future__ import annotations

import json
import shutil
import textwrap
from typing import Annotated

import typer

_SIGNS = ("✔", "!", "✘")
_NARROWEST, _WIDEST = 24, 100


def doctor_command(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Examine what a worker needs, with a remedy for what lacks. Exit 0: well, 1: attention, 2: broken."""
    from pipeline.doctor import examined
    from pipeline.settings import PipelineSettingsError, read_pipeline_settings

    try:
        settings = read_pipeline_settings()
    except PipelineSettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    found = examined(settings)
    if as_json:
        told = [
            {"what": each.what, "status": each.level.name.lower(), "text": each.text, "remedy": each.remedy}
            for each in found
        ]
        typer.echo(json.dumps({"findings": told}, indent=2))
    else:
        width = max(_NARROWEST, min(shutil.get_terminal_size().columns, _WIDEST))
        for each in found:
            _tell(f"{_SIGNS[each.level]} ", f"{each.what}: {each.text}", width)
            if each.remedy:
                _tell("  → ", each.remedy, width)
    raise typer.Exit(max(each.level for each in found).value)


def _tell(sign: str, text: str, width: int) -> None:
    plain = "".join(letter if letter.isprintable() else "�" for letter in text)
    typer.echo(textwrap.fill(plain, width, initial_indent=sign, subsequent_indent=" " * len(sign)))
