"""The keys of model servers stay out of every log line and every error, whatever those servers answer."""

from __future__ import annotations

import json
import logging
import random
import traceback

import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.logs import configure_logs
from pipeline.settings import PipelineSettings, read_pipeline_settings
from pipeline.teacher import Ask, ChatMessage, Teacher, TeacherError, TeacherSettings
from tests.pipeline.teaching_server import TeachingServer
from tests.pipeline.test_teacher import FastClock

PLANTED = {
    name: f"sk-planted-{name.lower().replace('_', '-')}"
    for name in ("TEACHER_API_KEY", "CRITIC_API_KEY", "STUDENT_API_KEY", "HUB_TOKEN")
}
FAULTS = ["500", "429", "garbled", "cut", "reset"]


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    "A key of its own for each server that a worker may ask."
    for name, value in PLANTED.items():
        monkeypatch.setenv(f"TAXONOMY_PIPELINE_{name}", value)


def test_every_key_that_a_worker_reads_is_planted_here(planted: None) -> None:
    "A new setting of that kind has to be planted, too; none is shown with the settings."
    read = read_pipeline_settings()
    keys = {name for name, field in PipelineSettings.model_fields.items() if field.annotation is SecretStr}
    assert {name.lower() for name in PLANTED} == keys - {"broker_url"}
    assert not [key for key in PLANTED.values() if key in repr(read) + str(read) + read.model_dump_json()]
    assert [getattr(read, name.lower()).get_secret_value() for name in PLANTED] == list(PLANTED.values())


@pytest.mark.parametrize("which", ["teacher", "critic"])
async def test_no_log_line_holds_a_model_key(
    planted: None,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    which: str,
) -> None:
    "Faults of all kinds at the finest level of all libraries, and a server that answers with the key itself."
    configure_logs("json", logging.DEBUG)
    caplog.set_level(logging.DEBUG)
    async with TeachingServer() as server:
        for role in ("TEACHER", "CRITIC"):
            monkeypatch.setenv(f"TAXONOMY_PIPELINE_{role}_URL", server.url)
            monkeypatch.setenv(f"TAXONOMY_PIPELINE_{role}_MODEL", "tiny")
        read = read_pipeline_settings()
        settings: TeacherSettings = getattr(read, which)
        key = settings.api_key.get_secret_value()
        told = [await _failed(server, settings, status) for status in (400, 401, 403, 404, 422)]
        server.faults = lambda number: FAULTS[number % len(FAULTS)]
        told.append(await _failed(server, settings, None))
        sent = {headers["Authorization"] for headers in server.headers}

    assert sent == {f"Bearer {key}"}, "it was used"
    told.append("".join(capfd.readouterr()) + caplog.text)
    for planted_key in PLANTED.values():
        assert planted_key not in "".join(told)


async def _failed(server: TeachingServer, settings: TeacherSettings, status: int | None) -> str:
    "Ask in vain, and return what is known of it: the error with its traceback, and all that it is made of."
    if status is not None:
        server.script.extend([lambda: _echo(server, status)] * 4)
    try:
        async with Teacher(settings, None, clock=FastClock(), rng=random.Random(1)) as teacher:
            await teacher.ask(Ask((ChatMessage("user", "What do owls eat?"),)))
    except TeacherError as error:
        server.script.clear()
        return f"{error!r} {vars(error)} " + "".join(traceback.format_exception(error))
    raise AssertionError("something was answered")


def _echo(server: TeachingServer, status: int) -> web.Response:
    text = json.dumps({"error": {"message": f"you said {server.headers[-1]['Authorization']}"}})
    return web.Response(status=status, text=text, content_type="application/json")
