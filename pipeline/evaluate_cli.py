"""`taxonomy-pipeline evaluate`: what a student gains by a data set, measured by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

from pipeline.datasets import write_json
from pipeline.evaluation_results import BenchmarkRow, EvaluateResult, GateRow, Scale, Verdict
from pipeline.settings import PipelineSettings, PipelineSettingsError, read_pipeline_settings
from pipeline.training.errors import TrainingError
from pipeline.training.settings import Preset

if TYPE_CHECKING:
    from pipeline.evaluation.examination import Examined

RESULT = "evaluation.json"
_ON_SCREEN = Console(highlight=False)
_ASIDE = Console(stderr=True, highlight=False)
_WIDE = 98  # columns from which a benchmark fits on one line
_LONGEST_STAGE = 44


def evaluate_command(
    data: Annotated[
        list[Path],
        typer.Argument(help="Folders that `generate` wrote, or files of samples, questions beside them."),
    ],
    model: Annotated[Path, typer.Option(help="The folder of the student.")],
    adapter: Annotated[
        Path | None, typer.Option(help="Measure this adapter; without one, train on the data first.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the result and its tables go.")] = Path(
        "evaluation"
    ),
    preset: Annotated[Preset | None, typer.Option(help="How to train; `tiny` for the tiny student.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Train so often, with other chance each time.")] = None,
    judge_url: Annotated[str, typer.Option(help="An OpenAI-compatible server that judges, up to /v1.")] = "",
    judge_model: Annotated[str, typer.Option(help="The model to ask for there.")] = "",
    repeats: Annotated[int | None, typer.Option(help="Have each answer judged so often.")] = None,
    swapped: Annotated[bool, typer.Option(help="Have both answers compared, too, in both orders.")] = False,
    gate_mmlu: Annotated[
        Path | None, typer.Option(help="A folder of multiple choice questions that may not suffer.")
    ] = None,
    gate_two_turns: Annotated[Path | None, typer.Option(help="A file of conversations, likewise.")] = None,
    subset: Annotated[
        Literal["all", "small", "tiny"] | None, typer.Option(help="Of the folder's questions.")
    ] = None,
) -> None:
    """Measure a student before and after it learns from data: what was kept back from training is asked of both."""
    given: dict[str, Any] = {
        "student_preset": preset,
        "evaluate_seeds": seeds,
        "evaluate_repeats": repeats,
        "evaluate_swapped": swapped or None,
        "evaluate_gates_mmlu": gate_mmlu,
        "evaluate_gates_two_turns": gate_two_turns,
        "evaluate_gates_subset": subset,
        "critic_url": judge_url or None,
        "critic_model": judge_model or None,
    }
    try:
        settings = read_pipeline_settings(**{name: value for name, value in given.items() if value is not None})
        if settings.critic.url and not settings.critic.model:
            raise PipelineSettingsError("The judge needs a name: give --judge-model, or set TEACHER_MODEL.")
    except PipelineSettingsError as error:
        _refuse(str(error), 2)
    examined = _examined(data, model, adapter, out, settings)
    write_json(out / RESULT, examined.result.to_data())
    tell(examined, _ON_SCREEN)
    _ON_SCREEN.print(str(out / RESULT), markup=False, soft_wrap=True)


def _examined(
    data: list[Path], model: Path, adapter: Path | None, out: Path, settings: PipelineSettings
) -> Examined:
    from pipeline.evaluation.errors import MeasuringError
    from pipeline.evaluation.examination import Hooks, Subject, examine
    from pipeline.evaluation.material import MaterialError, leaf_files, read_material
    from pipeline.evaluation.plans import plan_of
    from pipeline.evaluation.questions import QuestionError
    from pipeline.teacher import CacheError, TeacherError

    plan = plan_of(settings)
    if plan.jury is not None and settings.teacher_cache is None:
        plan = replace(plan, jury=replace(plan.jury, cache=out / ".judge-cache.sqlite"))
    columns = (TextColumn("{task.description}"), BarColumn(20), TaskProgressColumn())
    try:
        subject = Subject(model, read_material(leaf_files(data)), adapter=adapter)
        out.mkdir(parents=True, exist_ok=True)
        with Progress(*columns, console=_ASIDE, transient=True) as bar:
            task = bar.add_task("loading torch ...", total=1.0)

            def told(share: float, stage: str) -> None:
                short = stage if len(stage) <= _LONGEST_STAGE else f"{stage[: _LONGEST_STAGE - 1]}…"
                bar.update(task, completed=share, description=short)

            def noted(line: str) -> None:
                bar.console.print(line, markup=False, style="dim")

            return examine(subject, plan, out, Hooks(told, noted))
    except (MaterialError, QuestionError) as error:
        _refuse(str(error), 2)
    except ImportError as error:
        _refuse(f'{error.name} is missing: install the pipeline with  pip install "taxonomy-bot[pipeline]"', 1)
    except (TrainingError, MeasuringError, TeacherError, CacheError) as error:
        _refuse(str(error), 1)


def _refuse(words: str, code: int) -> NoReturn:
    _ASIDE.print(words, style="red", markup=False)
    raise typer.Exit(code)


def tell(examined: Examined, screen: Console) -> None:
    """Print what came of it, as wide as the screen allows."""
    result = examined.result
    screen.print()
    screen.print(sentence(result), style="bold", markup=False)
    if result.stands_in:
        screen.print(
            f"Numbers of a stand-in ({result.stands_in}): they say nothing about a real model.", markup=False
        )
    if result.rows:
        screen.print()
        screen.print(_wide(result.rows) if screen.width >= _WIDE else _narrow(result.rows))
    for row in result.rows:
        if row.note:
            screen.print(f"{_name(row)}: {row.note}.", style="dim", markup=False)
    for gate in result.gates:
        screen.print(_gate(gate), markup=False)
    for remark in examined.remarks:
        screen.print(remark, style="dim", markup=False)
    screen.print()
    screen.print(_with_what(result), style="dim", markup=False)


def sentence(result: EvaluateResult) -> str:
    """Return the verdict in a sentence."""
    if not result.rows:
        return "Nothing could be measured: there was no question that both models could be asked."
    match result.verdict:
        case Verdict.IMPROVED:
            return (
                "The model learned from this data: what was kept back from training it answers better than before."
            )
        case Verdict.REGRESSED if all(row.verdict is not Verdict.REGRESSED for row in result.rows):
            return "The model got worse at something else: a gate did not hold."
        case Verdict.REGRESSED:
            return "The model got worse with this data."
        case Verdict.UNCHANGED:
            return "No change that could be told from chance, and a large one would have been seen."
        case _:
            return "Too few questions to tell."


def _wide(rows: tuple[BenchmarkRow, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("measured by", no_wrap=True)
    for heading in ("before", "after", "change", "95 % interval", "asked (facts)"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict")
    for row in rows:
        change = _change(row.delta, row.scale)
        table.add_row(
            _name(row), _value(row.base, row), _value(row.tuned, row), change, _interval(row),
            f"{row.n} ({row.facts})", row.verdict.value,
        )  # fmt: skip
    return table


def _narrow(rows: tuple[BenchmarkRow, ...]) -> Table:
    table = Table(box=None, padding=0, show_header=False)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(f"[bold]{_name(row)}[/bold]: {row.verdict.value}")
        change = f"{_change(row.delta, row.scale)} ({_interval(row)})"
        table.add_row(f"  {_value(row.base, row)} -> {_value(row.tuned, row)}, {change}")
        table.add_row(f"  {row.n} questions about {row.facts} facts", style="dim")
    return table


def _name(row: BenchmarkRow) -> str:
    return f"{row.name}, {row.shots}-shot" if row.scale is Scale.ACCURACY else row.name


def _gate(gate: GateRow) -> str:
    note = f"; {gate.note}" if gate.note else ""
    how = "held" if gate.is_passed else "FELL"
    return (
        f"Gate {gate.name}: {how}, {_change(gate.delta, gate.scale)} ({_interval(gate)}), "
        f"may fall by {_change(gate.margin, gate.scale).lstrip('+')}{note}"
    )


def _with_what(result: EvaluateResult) -> str:
    return ". ".join((*_parts(result), "")).strip()


def _parts(result: EvaluateResult) -> Iterator[str]:
    yield f"Before: {result.base.name} ({result.base.sha256[:12]}), after: {result.adapter.name}"
    if result.seeds:
        times = "once, seed" if len(result.seeds) == 1 else f"{len(result.seeds)} times, seeds"
        yield f"Trained {times} {', '.join(map(str, result.seeds))}"
    if result.judge is not None:
        counts = result.judgements
        yield f"Judged by {result.judge.name}: {counts.made} judgements, {counts.failed} failed"
    yield f"It took {sum(result.durations_s.values()):.0f} s"


def _value(value: float, row: BenchmarkRow) -> str:
    return f"{value:.0%}" if row.scale is Scale.ACCURACY else f"{value:.2f}"


def _change(value: float, scale: Scale) -> str:
    return f"{100 * value:+.0f} points" if scale is Scale.ACCURACY else f"{value:+.2f}"


def _interval(row: BenchmarkRow | GateRow) -> str:
    low, high = (_change(value, row.scale).removesuffix(" points") for value in (row.low, row.high))
    return f"{low} to {high}"
