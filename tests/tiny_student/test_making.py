"""Making the tiny student: always the same one, made once, and never taken for a real model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from typer.testing import CliRunner

from pipeline.cli import cli
from pipeline.datasets import sha256_of
from pipeline.tiny.student import (
    MANIFEST,
    NAME,
    WEIGHTS,
    StudentError,
    is_whole,
    key_of,
    made_student,
    manifest_of,
    put_into,
)
from pipeline.tiny.student_model import new_model
from tests.tiny_student.conftest import SMALL

TOLD: list[str] = []


def told(_share: float, stage: str) -> None:
    TOLD.append(stage)


@pytest.fixture(autouse=True)
def _nothing_told_yet() -> None:
    TOLD.clear()


def said_of(folder: Path) -> dict[str, Any]:
    said = manifest_of(folder)
    assert said is not None
    return said


def test_the_same_plan_makes_the_same_weights(student: Path, tmp_path: Path) -> None:
    "Made again elsewhere, it is the same, bit for bit; the progress is told meanwhile."
    again = made_student(SMALL, tmp_path, told)
    assert sha256_of(again / WEIGHTS) == sha256_of(student / WEIGHTS)
    assert sha256_of(again / "tokenizer.json") == sha256_of(student / "tokenizer.json")
    assert "loss" in TOLD[-1]


def test_it_is_made_once(student: Path, student_cache: Path) -> None:
    "Who wants it again gets what is kept."
    assert made_student(SMALL, student_cache, told) == student
    assert not TOLD


def test_another_plan_is_another_student() -> None:
    "Seed, size and course have a say in it."
    plans = [
        SMALL,
        replace(SMALL, seed=8),
        replace(SMALL, shape=replace(SMALL.shape, layers=3)),
        replace(SMALL, course=replace(SMALL.course, tokens=60_001)),
    ]
    assert len({key_of(plan) for plan in plans}) == len(plans)


def test_a_damaged_one_is_made_anew(tmp_path: Path) -> None:
    "Half a file, as a full disk leaves it, is never handed out."
    brief = replace(SMALL, course=replace(SMALL.course, tokens=3_000))
    kept = made_student(brief, tmp_path)
    (kept / WEIGHTS).write_bytes(b"half of it")
    assert not is_whole(kept)
    assert is_whole(made_student(brief, tmp_path, told))
    assert TOLD


def test_nobody_takes_it_for_a_real_model(student: Path) -> None:
    said = json.loads((student / MANIFEST).read_text())
    assert said["name"] == NAME == "tiny student: made here from rule-based text, no real model"
    assert NAME[1:] in (student / "README.md").read_text()


def test_it_is_a_model_like_any_other(student: Path) -> None:
    "Servers and trainers load it as they load others: Llama's architecture, safetensors alone, heads 32 wide."
    model = AutoModelForCausalLM.from_pretrained(student, local_files_only=True, use_safetensors=True)
    config = json.loads((student / "config.json").read_text())
    assert (config["architectures"], config["head_dim"]) == (["LlamaForCausalLM"], 32)
    assert [file.name for file in student.iterdir() if file.suffix in (".bin", ".pt", ".pkl")] == []
    assert sum(parameter.numel() for parameter in model.parameters()) == said_of(student)["parameters"]
    assert model.generation_config.eos_token_id == AutoTokenizer.from_pretrained(student).eos_token_id


def test_the_full_one_has_about_a_million_parameters() -> None:
    "From 0.9 to 2 million: small enough for two cores, large enough to learn facts."
    from pipeline.tiny.student_model import Shape

    parameters = sum(parameter.numel() for parameter in new_model(Shape(), 1).parameters())
    assert 900_000 <= parameters <= 2_000_000


def test_it_learns_from_what_it_reads(student: Path) -> None:
    "Even the small one knows after its course what a chat looks like: an answer is no surprise any more."
    tokenizer = AutoTokenizer.from_pretrained(student)
    text = "<|user|>When was the mill of Gunden built?<|end|><|assistant|>1731<|end|>"
    tokens = torch.tensor([tokenizer.encode(text, add_special_tokens=False)])

    def loss_of(model: Any) -> float:
        with torch.no_grad():
            return float(model(input_ids=tokens, labels=tokens).loss)

    taught = AutoModelForCausalLM.from_pretrained(student)
    assert loss_of(taught) < 0.75 * loss_of(new_model(SMALL.shape, SMALL.seed))
    assert min(ability["loss"] for ability in said_of(student)["abilities"]) < 5.5


def test_it_never_lands_on_something_else(student: Path, tmp_path: Path) -> None:
    "A folder with other files stays as it is; an older student is replaced."
    (tmp_path / "thesis.txt").write_text("three years of work")
    with pytest.raises(StudentError, match="something else is here"):
        put_into(tmp_path, student)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]

    put_into(tmp_path / "model", student)
    put_into(tmp_path / "model", student)
    assert is_whole(tmp_path / "model")


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StudentError, match=r"cannot be kept in .*file"):
        made_student(SMALL, tmp_path / "file")


def test_by_hand_it_says_what_it_is(tmp_path: Path) -> None:
    "The command names what was made, how long it read and what it can do."
    command = ["tiny-student", "-o", str(tmp_path / "model"), "--cache", str(tmp_path / "kept"), "--tokens", "4000"]
    done = CliRunner().invoke(cli, command, env={"COLUMNS": "160"})
    assert done.exit_code == 0, done.output
    assert NAME in done.output
    assert "from memory" in done.output
    assert is_whole(tmp_path / "model")
