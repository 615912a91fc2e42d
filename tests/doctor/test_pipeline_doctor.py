"""The doctor of the model side: a real teacher on loopback, and what lacks is named with what to do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from pipeline.cli import cli
from pipeline.doctor import LOOKS, Finding, Level, examined
from pipeline.settings import PipelineSettings
from pipeline.tiny import NAME
from pipeline.tiny.server import OfflineTeacher


@pytest.fixture
async def teacher() -> AsyncIterator[OfflineTeacher]:
    async with OfflineTeacher() as server:
        yield server


def settings(folder: Path, **changed: Any) -> PipelineSettings:
    "A worker that needs no GPU, in a folder."
    usual: dict[str, Any] = {
        "broker_url": SecretStr(f"filesystem://{folder / 'broker'}"),
        "artifacts_url": str(folder / "artifacts"),
        "work_dir": folder / "work",
        "queues": "cpu",
    }
    return PipelineSettings(**(usual | changed))


def about(what: str, given: PipelineSettings) -> list[Finding]:
    "What one look finds."
    return list(LOOKS[what](given))


async def test_a_teacher_that_answers_is_well(tmp_path: Path, teacher: OfflineTeacher) -> None:
    "It is asked for its models, and for a word."
    given = settings(tmp_path, teacher_url=teacher.url, teacher_model=NAME)
    found = await asyncio.to_thread(about, "teacher", given)
    assert [each.level for each in found] == [Level.OK]


async def test_a_teacher_without_the_model_lists_what_it_has(tmp_path: Path, teacher: OfflineTeacher) -> None:
    "The name is often misspelt."
    given = settings(tmp_path, teacher_url=teacher.url, teacher_model="otter-70b")
    (found,) = await asyncio.to_thread(about, "teacher", given)
    assert found.level is Level.BROKEN
    assert NAME in found.remedy
    assert "TAXONOMY_PIPELINE_TEACHER_MODEL" in found.remedy


def test_a_teacher_and_a_judge_that_are_away(tmp_path: Path) -> None:
    "Each with its own setting."
    away = "http://127.0.0.1:1/v1"
    given = settings(tmp_path, teacher_url=away, teacher_model="m", critic_url=away, critic_model="j")
    assert [(each.what, each.level) for each in about("teacher", given)] == [
        ("teacher", Level.BROKEN),
        ("judge", Level.BROKEN),
    ]
    assert "CRITIC_URL" in about("teacher", given)[1].remedy


def test_a_broker_that_is_away_does_not_tell_its_password(tmp_path: Path) -> None:
    "Drivers like to."
    (found,) = about("broker", settings(tmp_path, broker_url=SecretStr("redis://:topsecret@127.0.0.1:1/0")))
    assert found.level is Level.BROKEN
    assert "BROKER_URL" in found.remedy
    assert "topsecret" not in found.text + found.remedy


def test_a_student_that_is_no_model(tmp_path: Path) -> None:
    "What lacks is named."
    (tmp_path / "config.json").write_text("{}")
    (found,) = about("student", settings(tmp_path, student_model=tmp_path))
    assert found.level is Level.BROKEN
    assert "tokenizer_config.json, *.safetensors" in found.text


def test_an_artifact_store_that_cannot_be_written(tmp_path: Path) -> None:
    "A file is where its folder should be."
    (tmp_path / "blocked").write_text("")
    (found,) = about("artifacts", settings(tmp_path, artifacts_url=str(tmp_path / "blocked" / "x")))
    assert found.level is Level.BROKEN


def test_all_that_is_looked_at_is_told(tmp_path: Path) -> None:
    "And nothing is left behind."
    found = examined(settings(tmp_path))
    assert {each.what for each in found} == set(LOOKS)
    assert all(each.remedy for each in found if each.level is not Level.OK)
    assert [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()] == []


def test_the_command_ends_with_the_worst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    "For scripts, in JSON."
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAXONOMY_PIPELINE_TEACHER_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("TAXONOMY_PIPELINE_QUEUES", "cpu")
    done = CliRunner().invoke(cli, ["doctor", "--json"])
    told = json.loads(done.output)["findings"]
    assert next(each for each in told if each["what"] == "teacher")["status"] == "broken"
    assert done.exit_code == 2
