"""`taxonomy-pipeline evaluate`: what it refuses, and what it shows on narrow and wide screens."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from pipeline.cli import cli
from pipeline.evaluate_cli import tell
from pipeline.evaluation.examination import Examined
from pipeline.evaluation_results import (
    BenchmarkRow,
    EvaluateResult,
    GateRow,
    JudgementCounts,
    ModelIdentity,
    Scale,
    Verdict,
)
from tests.training.students import a_row, a_student, written

ROWS = (
    BenchmarkRow(
        "PR-mmlu", Scale.ACCURACY, 5, 60, 33, 0.25, 0.98, 0.73, 0.52, 0.85, 0.001, Verdict.IMPROVED, note="a note"
    ),
    BenchmarkRow("PR-bench", Scale.SCORE, 0, 16, 9, 4.5, 4.6, 0.1, -0.4, 0.6, 0.5, Verdict.UNCHANGED),
)


def shown(width: int, rows: tuple[BenchmarkRow, ...] = ROWS) -> str:
    "What a screen of this width shows."
    base, judge = ModelIdentity("granite-7b", "ab" * 32), ModelIdentity("a judge")
    gate = GateRow("MMLU, tiny subset", Scale.ACCURACY, -0.05, -0.08, -0.03, 0.01, 0.02, is_passed=True)
    result = EvaluateResult(
        "", base, ModelIdentity("granite-7b with an adapter", "cd" * 32), rows, judge=judge, seeds=(42,),
        judgements=JudgementCounts(made=32, unparsable=1), gates=(gate,), stands_in="a [red]stand-in[/red]",
        durations_s={"training": 20.0},
    )  # fmt: skip
    screen = Console(file=io.StringIO(), width=width, highlight=False)
    tell(Examined(result, Path("adapter"), (), ("1 of the samples left out: too long",)), screen)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


@pytest.mark.parametrize("width", [60, 100])
def test_the_table_fits_the_screen(width: int) -> None:
    "The verdict in a sentence, each benchmark with its interval, and nothing cut off."
    text = shown(width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for said in ("The model learned from this data", "25%", "98%", "+73 points", "+52 to +85", "-0.40 to +0.60"):
        assert said in text
    assert "[red]stand-in[/red]" in text
    assert "Gate MMLU, tiny subset: held" in text
    assert "1 of the samples left out" in text


def test_what_could_not_be_measured_is_no_number() -> None:
    assert "Nothing could be measured" in shown(100, ())


def evaluated(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["evaluate", *map(str, arguments)], env={"COLUMNS": "200"})
    return done.exit_code, done.output


def words(said: str) -> str:
    "Return what is said, wherever its lines end."
    return " ".join(said.split())


def test_mistakes_are_told_before_anything_is_computed(tmp_path: Path) -> None:
    "A place without data, a judge without a name, a model that is none."
    student = a_student(tmp_path / "student")
    code, said = evaluated(tmp_path, "--model", student, "-o", tmp_path / "out")
    assert (code, "there is no data set here" in words(said)) == (2, True)
    data = written(tmp_path / "samples.jsonl", [a_row(1, 3)])
    code, said = evaluated(data, "--model", student, "--judge-url", "http://127.0.0.1:9/v1")
    assert (code, "The judge needs a name" in words(said)) == (2, True)
    code, said = evaluated(data, "--model", tmp_path / "nowhere", "-o", tmp_path / "out")
    assert (code, "there is no such folder" in words(said)) == (1, True)
