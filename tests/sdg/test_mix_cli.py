"""`taxonomy-pipeline mix`: what one sees, on a narrow screen, and what is said when something is wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import cli
from pipeline.datasets import write_jsonl, write_manifest


def a_leaf(folder: Path, path: str, count: int, licence: str = "CC-BY-4.0") -> None:
    "Write a leaf's data set, as `generate` does: a fifth of its samples each for dev and test."
    place = folder / path
    place.mkdir(parents=True)
    splits = ("test", "dev", "train", "train", "train")
    file = write_jsonl(
        place / "samples.jsonl",
        (
            {
                "messages": [
                    {"role": "user", "content": f"What is item {i} of {path}?"},
                    {"role": "assistant", "content": f"Item {i}."},
                ],
                "metadata": {"leaf": f"{path}/qna.yaml", "split": splits[i % 5]},
            }
            for i in range(count)
        ),
    )
    write_manifest(place, {"leaf": f"{path}/qna.yaml", "licences": [licence]}, [file])


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    "A recipe of two leaves and earlier data."
    a_leaf(tmp_path, "generated/knowledge/astronomy/solar_system/moons_of_saturn", 1000)
    a_leaf(tmp_path, "generated/compositional_skills/haiku", 5000, "CC0-1.0")
    a_leaf(tmp_path, "earlier", 3000)
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "datasets:\n"
        "  - {path: generated/knowledge/astronomy/solar_system/moons_of_saturn, is_knowledge: true}\n"
        "  - {path: generated/compositional_skills/haiku, times: 0.5}\n"
        "replay: [{path: earlier}]\n"
        "replay_share: 0.2\n"
    )
    return path


def mixed(recipe: Path, *more: str) -> Result:
    return CliRunner().invoke(cli, ["mix", str(recipe), "-o", str(recipe.with_name("mix")), *more])


def test_it_tells_what_went_in(recipe: Path) -> None:
    "In a table that fits a narrow window: no line is cut, and nothing is lost."
    argv = [sys.executable, "-c", "from pipeline.cli import main; main()", "mix", recipe.name, "-o", "mix"]
    environment = {**os.environ, "COLUMNS": "60", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(argv, cwd=recipe.parent, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 60
    assert "…" not in done.stdout
    words = " ".join(done.stdout.split())
    assert re.search(r"haiku\s+3,000\s+1,500\s+57\.1 %", done.stdout)
    assert "1,800 525 20.0 %" in words
    assert "2,625 samples to train on" in words
    assert "Licences: CC-BY-4.0, CC0-1.0" in words
    assert lines[-1] == "mix/train.jsonl"


def test_a_second_run_does_nothing_and_says_so(recipe: Path) -> None:
    "Unless it is told to do it again."
    assert "Nothing to do" not in mixed(recipe).stdout
    train = recipe.with_name("mix") / "train.jsonl"
    before = train.stat()
    second = mixed(recipe)
    assert second.exit_code == 0
    assert "Nothing to do: this mix stands there" in second.stdout
    assert "haiku" in second.stdout
    assert train.stat().st_ino == before.st_ino
    assert "Nothing to do" not in mixed(recipe, "--again").stdout
    assert train.stat().st_ino != before.st_ino


def test_what_is_left_out_is_told(recipe: Path) -> None:
    "With the reason, and which licences nobody knows."
    asked = "So what is item 2 of generated/compositional_skills/haiku?"
    exam = recipe.with_name("exam.jsonl")
    exam.write_text(json.dumps({"question": asked}) + "\n")
    plain = recipe.with_name("plain.jsonl")
    plain.write_text(json.dumps({"messages": [{"role": "user", "content": "Who?"}]}) + "\n")
    with recipe.open("a") as file:
        file.write("tests: [{path: exam.jsonl}]\n")
    recipe.write_text(recipe.read_text().replace("replay:", "  - {path: plain.jsonl}\nreplay:"))
    said = " ".join(mixed(recipe).stdout.split())
    assert "1 left out: asks what is held back" in said
    assert "plain.jsonl: licences unknown, no manifest beside it" in said


@pytest.mark.parametrize(
    ("recipe_text", "says", "code"),
    [
        ("datasets: [{path: gone.jsonl}]", "gone.jsonl is not there. Put it there, or take it out", 2),
        ("datasets: [{path: .}]", "is a folder without a data set. Name the folder of a leaf's, or a file.", 2),
        ("datasets: [{path: a.jsonl, sha256: " + "ab" * 32 + "}]", "its SHA-256 is ", 2),
        ("datasets: [{path: bad.jsonl}]", 'bad.jsonl, line 2: "messages" has to be a list', 2),
        (
            "datasets: [{path: tested.jsonl}]",
            "Nothing is left to train on: the files hold no sample of the split",
            2,
        ),
        ("datasets: [{path: a.jsonl}]\ntests: [{path: a.jsonl}]", "every sample had to be left out (1: asks", 2),
        ("datasets: [{path: a.jsonl, weight: 2}]", "datasets.0.weight: Extra inputs", 2),
        ("- '[red]not[/] a recipe'", "the recipe: Input should be", 2),
    ],
)
def test_a_mistake_is_named_with_its_remedy(tmp_path: Path, recipe_text: str, says: str, code: int) -> None:
    "On the error stream, without a trace, and nothing is written."
    row = {"messages": [{"role": "user", "content": "Who was it?"}]}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "bad.jsonl").write_text(json.dumps(row) + '\n{"messages": 1}\n')
    (tmp_path / "tested.jsonl").write_text(json.dumps({**row, "metadata": {"split": "test"}}) + "\n")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(recipe_text)
    result = mixed(recipe)
    assert result.exit_code == code
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert not list((tmp_path / "mix").glob("*.jsonl"))


def test_a_recipe_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    "Is said to be so."
    missing = mixed(tmp_path / "none.yaml")
    assert (missing.exit_code, "No such file" in missing.stderr) == (2, True)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    binary = mixed(tmp_path / "binary.yaml")
    assert (binary.exit_code, "this is not text in UTF-8" in binary.stderr) == (2, True)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    "Is named, with what the system says."
    (tmp_path / "mix").write_text("a file")
    (tmp_path / "recipe.yaml").write_text("datasets: [{path: a.jsonl}]")
    result = mixed(tmp_path / "recipe.yaml")
    assert result.exit_code == 1
    assert re.search(r"mix: File exists\. Nothing was mixed", result.stderr)


def test_help_shows_a_recipe_that_works(tmp_path: Path) -> None:
    "The one of --help, on files that are called so."
    shown = CliRunner(env={"COLUMNS": "60"}).invoke(cli, ["mix", "--help"]).stdout
    lines = [line[1:].rstrip() for line in shown.splitlines()]
    first, last = lines.index("  datasets:"), next(i for i, line in enumerate(lines) if "questions.jsonl" in line)
    text = "\n".join(line[2:] for line in lines[first : last + 1])
    a_leaf(tmp_path, "generated/knowledge/science/mars", 50)
    a_leaf(tmp_path, "generated/compositional_skills/haiku", 50)
    a_leaf(tmp_path, "earlier", 50)
    (tmp_path / "earlier" / "samples.jsonl").rename(tmp_path / "earlier" / "train.jsonl")
    (tmp_path / "mmlu").mkdir()
    (tmp_path / "mmlu" / "questions.jsonl").write_text('{"question": "What?"}\n')
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(re.sub(r"\n *sha256: .*", "", text))
    assert mixed(recipe).exit_code == 0
