"""Log lines are found by constant names, and say which delivery, job and trace they are about."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
import structlog

from bot.logs import configure_logs
from pipeline.contract import JobSpec, TaskKind
from pipeline.logs import configure_logs as configure_worker_logs
from pipeline.logs import name_in_logs

_ROOT = Path(__file__).parent.parent.parent
_LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
_NAME = re.compile(r"[a-z_]+(\.[a-z_]+)+")


def calls() -> list[tuple[str, ast.Call]]:
    "Every call of a logger in what ships, with its place."
    files = [file for package in ("bot", "checks", "pipeline") for file in sorted((_ROOT / package).rglob("*.py"))]
    return [
        (f"{file.relative_to(_ROOT)}:{node.lineno}", node)
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _LEVELS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "log"
    ]


def test_every_event_has_a_constant_name() -> None:
    "What changes stands in fields: a line is found by its name, and counted by it."
    found = calls()
    wrong = [
        place
        for place, call in found
        if not (
            len(call.args) == 1
            and isinstance(call.args[0], ast.Constant)
            and _NAME.fullmatch(str(call.args[0].value))
        )
    ]
    assert len(found) > 100
    assert wrong == []


def test_no_log_call_names_what_is_private() -> None:
    "Neither a comment, nor an e-mail, nor a credential is a field."
    private = {"email", "e_mail", "body", "token", "secret", "password", "payload", "login", "title"}
    wrong = {place: keyword.arg for place, call in calls() for keyword in call.keywords if keyword.arg in private}
    assert wrong == {}


def test_a_workers_lines_name_the_job(capsys: pytest.CaptureFixture[str]) -> None:
    "Also those that are logged deep inside the work, which knows nothing of jobs."
    before = structlog.get_config()
    try:
        configure_worker_logs("json")
        name_in_logs(JobSpec(17, 2, TaskKind.PRECHECK, 1, 12, "0" * 40, 60.0), "a" * 32)
        structlog.get_logger().info("teacher.away")
    finally:
        structlog.contextvars.clear_contextvars()
        structlog.configure(**before)
    line = json.loads(capsys.readouterr().err)
    assert {key: line[key] for key in ("event", "job", "attempt", "number", "trace")} == {
        "event": "teacher.away",
        "job": 17,
        "attempt": 2,
        "number": 12,
        "trace": "a" * 32,
    }
    assert line["timestamp"].endswith("Z")


def test_the_bot_writes_one_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    "Also where an error's text has several."
    before = structlog.get_config()
    try:
        configure_logs("json")
        try:
            raise ValueError("two\nlines")
        except ValueError:
            structlog.get_logger().exception("delivery.crashed", delivery="a guid")
    finally:
        structlog.configure(**before)
    [line] = capsys.readouterr().err.splitlines()
    assert json.loads(line)["delivery"] == "a guid"
    assert "ValueError" in json.loads(line)["exception"]
