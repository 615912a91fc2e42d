"""`taxonomy-pipeline train`: a student learns from samples, by hand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from pipeline.settings import Launch
from pipeline.training.errors import TrainingError
from pipeline.training.settings import (
    ALL_LINEAR,
    PRESETS,
    Lora,
    Preset,
    Quantized,
    TrainingSettings,
    TrainingSettingsError,
)

if TYPE_CHECKING:
    from pipeline.training.training import Trained

_IS_MAIN = Launch().rank == 0  # of several processes one talks
_ON_SCREEN = Console(highlight=False, quiet=not _IS_MAIN)
_ASIDE = Console(stderr=True, highlight=False)


def train_command(
    data: Annotated[list[Path], typer.Argument(help="JSONL files of chats, or folders that hold some.")],
    model: Annotated[Path, typer.Option(help="The folder of the student.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where what was learnt goes.")] = Path("trained"),
    preset: Annotated[Preset, typer.Option(help="Settings that belong together.")] = Preset.PULL_REQUEST,
    learning_rate: Annotated[float | None, typer.Option(help="At its height.")] = None,
    epochs: Annotated[int | None, typer.Option(help="How often each sample is learnt from.")] = None,
    effective_batch: Annotated[int | None, typer.Option(help="Samples of one step.")] = None,
    max_seq_len: Annotated[int | None, typer.Option(help="Leave out samples of more tokens.")] = None,
    warmup_steps: Annotated[int | None, typer.Option(help="Steps in which the learning rate rises.")] = None,
    lora: Annotated[bool | None, typer.Option("--lora/--full", help="Learn an adapter, or every weight.")] = None,
    rank: Annotated[int | None, typer.Option(help="Of the adapter.")] = None,
    alpha: Annotated[int | None, typer.Option(help="Of the adapter.")] = None,
    dropout: Annotated[float | None, typer.Option(help="Of the adapter.")] = None,
    targets: Annotated[
        str | None, typer.Option(help=f"Layers to adapt, separated by commas, or {ALL_LINEAR}.")
    ] = None,
    quantize: Annotated[Quantized | None, typer.Option(help="Hold the model in four bits (GPU).")] = None,
    micro_tokens: Annotated[
        int | None, typer.Option(help="Tokens computed at once; fewer need less memory.")
    ] = None,
    gradient_checkpointing: Annotated[
        bool | None, typer.Option("--gradient-checkpointing", help="Compute twice what does not fit in memory.")
    ] = None,
    patience: Annotated[int | None, typer.Option(help="Stop after so many epochs without gain; 0: never.")] = None,
    checkpoint_steps: Annotated[int | None, typer.Option(help="A checkpoint after so many steps.")] = None,
    seed: Annotated[int | None, typer.Option(help="Decides all chance.")] = None,
) -> None:
    """Train a student on samples. Run again, it goes on from the newest checkpoint, and does nothing twice."""
    try:
        settings = _with_or_without_adapter(PRESETS[preset], lora).having(
            learning_rate=learning_rate,
            epochs=epochs,
            effective_batch=effective_batch,
            max_seq_len=max_seq_len,
            warmup_steps=warmup_steps,
            rank=rank,
            alpha=alpha,
            dropout=dropout,
            targets=tuple(part.strip() for part in targets.split(",") if part.strip()) if targets else None,
            quantized=quantize,
            micro_tokens=micro_tokens,
            gradient_checkpointing=gradient_checkpointing,
            patience=patience,
            checkpoint_steps=checkpoint_steps,
            seed=seed,
        )
    except TrainingSettingsError as error:
        _ASIDE.print(str(error), style="red", markup=False)
        raise typer.Exit(2) from None
    try:
        _tell(_trained(model, tuple(data), settings, out))
    except TrainingError as error:
        _ASIDE.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None


def _with_or_without_adapter(settings: TrainingSettings, lora: bool | None) -> TrainingSettings:
    if lora is None or lora == (settings.lora is not None):
        return settings
    from dataclasses import replace

    return replace(settings, lora=Lora() if lora else None)


def _trained(model: Path, data: tuple[Path, ...], settings: TrainingSettings, out: Path) -> Trained:
    os.environ["HF_HUB_OFFLINE"] = "1"  # everything is here, or is not taken
    with _ON_SCREEN.status("loading torch ..."):
        try:
            from pipeline.training.training import TrainingOrder, train
        except ImportError as error:
            raise TrainingError(
                f'{error.name or error} is missing: install the pipeline with  pip install "taxonomy-bot[pipeline]"'
            ) from None
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_ON_SCREEN, disable=not _IS_MAIN) as bar:
        task = bar.add_task("training", total=1.0)

        def tell(share: float, said: str) -> None:
            if said.startswith("step "):
                bar.update(task, completed=share, description=said)
            else:
                bar.console.print(said, markup=False)

        return train(TrainingOrder(model, data, settings), out, tell)


def _tell(trained: Trained) -> None:
    if trained.is_old:
        _ON_SCREEN.print("All of it was there from an earlier run: nothing was trained anew.")
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, said in _rows(trained):
        table.add_row(name, said)
    _ON_SCREEN.print(table)


def _rows(trained: Trained) -> list[tuple[str, str]]:
    dev = ", ".join(f"{loss:.4f}" for loss in trained.dev_losses)
    rows = [
        ("adapter" if trained.is_adapter else "model", str(trained.folder)),
        ("samples", f"{trained.samples}, and {trained.dev_samples} to look at after each epoch"),
        ("steps", f"{trained.steps}; the best epoch was {trained.best_epoch}, and was taken"),
        ("loss", f"{trained.losses[0]:.4f} at first, {trained.losses[1]:.4f} in the end"),
        ("dev loss", dev),
        ("speed", f"{trained.tokens_per_s:,.0f} tokens/s, {trained.padding_share:.1%} padding"),
        ("", "" if trained.is_packed else "This model cannot be packed: samples of like lengths were padded."),
        ("", "Stopped early: the dev loss no longer fell." if trained.stopped_early else ""),
    ]
    return [row for row in rows if row[1]] + [("", line) for line in trained.left_out]
