"""Log lines are found by constant names, and say which delivery, job and trace they are about."""

from __future__ import annotations

import ast
import asyncio
import gc
import json
import logging
import os
import re
import sys
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import ClientSession, web

from bot.logs import configure_logs
from pipeline import tracing
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


JANE = "jane@example.org wrote this"


async def a_request_crashes() -> None:
    "In aiohttp's server."

    async def crash(_request: web.BaseRequest) -> web.Response:
        raise ValueError(JANE)

    runner = web.ServerRunner(web.Server(crash))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with ClientSession() as session, session.get(f"http://127.0.0.1:{runner.addresses[0][1]}") as answer:
        assert answer.status == 500
    await runner.cleanup()


async def a_task_crashes_unheard() -> None:
    "And is thrown away."

    async def crash() -> None:
        raise ValueError(JANE)

    asyncio.get_running_loop().create_task(crash())
    await asyncio.sleep(0.01)
    gc.collect()


async def a_collector_is_away() -> None:
    "To which spans are to be sent."
    tracing.start("taxonomy-bot", "0", "http://127.0.0.1:1/v1/traces")
    with tracing.span("work"):
        pass
    await asyncio.to_thread(tracing.stop)


async def a_library_warns() -> None:
    "By Python's own means."
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(JANE, stacklevel=1)


async def a_library_says_what_it_was_given() -> None:
    "As an argument, and as the message itself."
    logging.getLogger("celery.worker").warning("Received %s\nfrom %s", JANE, JANE)
    logging.getLogger("celery.worker").error(f"Cannot connect to redis://:pw@redis for {JANE}")


@pytest.mark.parametrize("configure", [configure_logs, configure_worker_logs])
@pytest.mark.parametrize(
    ("happens", "logger", "message", "kind"),
    [
        (a_request_crashes, "aiohttp.server", "Error handling request from %s", "ValueError"),
        (a_task_crashes_unheard, "asyncio", "", "ValueError"),
        (a_collector_is_away, "opentelemetry.exporter.otlp.proto.http.trace_exporter", "", ""),
        (a_library_warns, "py.warnings", "UserWarning", ""),
        (a_library_says_what_it_was_given, "celery.worker", "Received %s\nfrom %s", ""),
    ],
)
async def test_libraries_write_one_json_object_a_line_without_what_people_wrote(
    capsys: pytest.CaptureFixture[str],
    configure: Callable[[str], None],
    happens: Callable[[], Awaitable[None]],
    logger: str,
    message: str,
    kind: str,
) -> None:
    "Of an error its kind and the way to it; of a message what stands in the library's code."
    configure("json")
    with structlog.contextvars.bound_contextvars(delivery="a guid"):
        await happens()
    told = capsys.readouterr().err
    lines = [json.loads(line) for line in told.splitlines()]
    first = next(line for line in lines if line["logger"] == logger)
    assert first["event"] == "library.logged"
    assert first["where"]
    assert message in first.get("message", "")
    assert kind in first.get("exception", "")
    for private in ("jane", "pw@"):
        assert private not in told


async def test_a_worker_whose_broker_is_away_writes_json_alone(tmp_path: Path) -> None:
    "Celery tells of that at length, with the broker's address; each time it is one line of ours."
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", "from pipeline.cli import main; main()", "worker"),
        env=os.environ
        | {
            "TAXONOMY_PIPELINE_BROKER_URL": "redis://:pass-word@127.0.0.1:1/0",
            "TAXONOMY_PIPELINE_ARTIFACTS_URL": str(tmp_path / "artifacts"),
            "TAXONOMY_PIPELINE_WORK_DIR": str(tmp_path / "work"),
            "TAXONOMY_PIPELINE_RUNTIME_DIR": str(tmp_path / "runtime"),
            "TAXONOMY_PIPELINE_LOG_FORMAT": "json",
        },
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert program.stderr is not None
    lines: list[dict[str, Any]] = []
    while not lines or lines[-1].get("logger") != "celery.worker.consumer.consumer":
        lines.append(json.loads(await program.stderr.readline()))
    assert "Cannot connect" in lines[-1]["message"]
    assert lines[-1]["exception"].endswith("Error")
    program.kill()
    _, told = await program.communicate()
    lines += [json.loads(line) for line in told.decode().splitlines()]
    assert all(line["event"] for line in lines)
    assert "pass-word" not in json.dumps(lines)
