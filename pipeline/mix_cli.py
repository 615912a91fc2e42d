"""`taxonomy-pipeline mix`: many data sets become one to train on, by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from pipeline.datasets import DatasetError
from pipeline.mixing import DEV, TEST, TRAIN, Mix, mix
from pipeline.recipes import RecipeError, read_recipe

_ON_SCREEN = Console(highlight=False)
_ASIDE = Console(stderr=True, highlight=False)
_LONGEST_STAGE = 28  # letters beside the bar: it has to fit into 60 columns

_EXAMPLE = """\b
A recipe is a YAML file; paths count from its folder:
\b
  datasets:
    - path: generated/knowledge/science/mars
      is_knowledge: true
    - path: generated/compositional_skills/haiku
      times: 0.5       # half of its samples
  replay:
    - path: earlier/train.jsonl
      sha256: 3b1f...  # checked where given
  replay_share: 0.2    # of the whole
  tests:               # asked nowhere in training
    - path: mmlu/questions.jsonl
\b
  taxonomy-pipeline mix recipe.yaml -o mixed
"""


def mix_command(
    recipe: Annotated[Path, typer.Argument(help="What to mix, and in which shares.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the mix goes: a folder.")],
    again: Annotated[bool, typer.Option("--again", help="Mix even if the same mix stands there.")] = False,
) -> None:
    """Mix data sets into one to train on. The same recipe and files give the same bytes."""
    try:
        made = _mixed(recipe, out, again=again)
    except (RecipeError, DatasetError) as error:
        _ASIDE.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _ASIDE.print(f"{where}{error.strerror}. Nothing was mixed.", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    _tell(made)


def _mixed(path: Path, out: Path, *, again: bool) -> Mix:
    recipe = read_recipe(path)
    columns = (TextColumn("{task.description}"), BarColumn(20), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_ASIDE, transient=True) as progress:
        task = progress.add_task("mixing", total=1.0)

        def told(share: float, stage: str) -> None:
            short = stage if len(stage) <= _LONGEST_STAGE else f"{stage[: _LONGEST_STAGE - 2]} …"
            progress.update(task, completed=share, description=escape(short))

        return mix(recipe, out, told, again=again)


def _tell(made: Mix) -> None:
    if made.is_old:
        _ON_SCREEN.print("Nothing to do: this mix stands there, made from the same. --again makes it anew.")
    total = made.rows(TRAIN)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("data set", overflow="fold")
    for heading in ("there", "taken", "share"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in made.manifest["ingredients"]:
        share = f"{100 * each['taken'] / total:.1f} %"
        table.add_row(_name(each), f"{each['there']:,}", f"{each['taken']:,}", share)
    _ON_SCREEN.print(table)
    for line in _remarks(made.manifest["ingredients"]):
        _ON_SCREEN.print(line, style="dim", markup=False)
    _ON_SCREEN.print(
        f"\n{total:,} samples to train on, {made.rows(DEV):,} to watch it, {made.rows(TEST):,} to test."
    )
    licences = made.manifest["licences"]
    if licences:
        _ON_SCREEN.print(f"Licences: {', '.join(licences)}", markup=False)
    _ON_SCREEN.print(str(made.folder / TRAIN), markup=False, soft_wrap=True)


def _name(ingredient: Mapping[str, Any]) -> str:
    earlier = " (earlier data)" if ingredient["is_replay"] else ""
    return escape(f"{ingredient['name']}{earlier}")


def _remarks(ingredients: list[Mapping[str, Any]]) -> list[str]:
    """Return what is worth knowing besides the numbers."""
    left_out: dict[str, int] = {}
    for each in ingredients:
        for reason, count in each["left_out"].items():
            left_out[reason] = left_out.get(reason, 0) + count
    said = [f"{count:,} left out: {reason}" for reason, count in sorted(left_out.items())]
    nameless = [
        f"{each['name']}: licences unknown, no manifest beside it"
        for each in ingredients
        if each["licences"] is None
    ]
    return said + nameless


mix_command.__doc__ = f"{mix_command.__doc__}\n\n{_EXAMPLE}"
