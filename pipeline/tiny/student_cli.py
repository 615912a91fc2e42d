"""`taxonomy-pipeline tiny-student`: a small model to try the model side with, made on this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from pipeline.settings import PipelineSettingsError, read_pipeline_settings

_ON_SCREEN = Console(highlight=False)
_ASIDE = Console(stderr=True, highlight=False)


def tiny_student_command(
    out: Annotated[Path, typer.Option("--out", "-o", help="Put it into this folder.")] = Path("tiny-student"),
    seed: Annotated[int | None, typer.Option(help="Another number makes another student.")] = None,
    tokens: Annotated[
        int | None, typer.Option(help="Let it read so much: less is quicker, and it learns less.", min=1)
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Keep it here for the next time.")] = None,
) -> None:
    """Make a small model from rule-based text: to train and evaluate without a real one, and without a GPU.

    It takes two minutes on two cores the first time, and nothing after that.
    """
    from pipeline.tiny.student import Plan, StudentError, made_student, manifest_of, put_into

    try:
        kept = cache or read_pipeline_settings().tiny_student_cache
        plan = Plan()
        if seed is not None:
            plan = replace(plan, seed=seed)
        if tokens is not None:
            plan = replace(plan, course=replace(plan.course, tokens=tokens))
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        with Progress(*columns, console=_ASIDE, transient=True) as progress:
            task = progress.add_task("Making the tiny student", total=1.0)

            def told(share: float, stage: str) -> None:
                progress.update(task, completed=share, description=f"Making the tiny student: {stage}")

            made = made_student(plan, kept, told)
        put_into(out, made)
    except PipelineSettingsError as error:
        _ASIDE.print(str(error), style="red", markup=False)
        raise typer.Exit(2) from None
    except StudentError as error:
        _ASIDE.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    _tell(out, manifest_of(out) or {})


def _tell(folder: Path, said: dict[str, object]) -> None:
    from pipeline.tiny.student import NAME

    _ON_SCREEN.print(NAME, style="bold", markup=False)
    _ON_SCREEN.print(
        f"{said['parameters']:,} parameters; it read {said['tokens_read']:,} tokens in {said['took_s']:g} s.",
        markup=False,
    )
    table = Table("it was asked", "times", "loss", "tokens right", "stops in time", box=None, padding=(0, 2, 0, 0))
    abilities = said["abilities"]
    assert isinstance(abilities, list)  # noqa: S101 - as it was written
    for can in abilities:
        table.add_row(
            can["kind"],
            str(can["readings"]),
            f"{can['loss']:.2f}",
            f"{100 * can['right_tokens']:.0f} %",
            f"{100 * can['ends']:.0f} %",
        )
    _ON_SCREEN.print(table)
    _ON_SCREEN.print(str(folder), markup=False, soft_wrap=True)
