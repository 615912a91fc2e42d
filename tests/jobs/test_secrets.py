"""Workers hold no GitHub token and no database; neither what goes to them nor what they tell holds a secret."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from bot.jobs import JobState
from bot.settings import BotSettings
from bot.simulator.access import process_key_pair
from pipeline.contract import JobSpec
from pipeline.settings import PipelineSettings, ServeSettings, read_pipeline_settings
from tests.jobs.workshop import Workshop

OF_NO_BUSINESS = ("github", "database", "private_key", "webhook", "app_id", "installation")

PLANTED = {
    "GITHUB_TOKEN": "ghp_planted0000000000000000000000000001",
    "GH_TOKEN": "ghp_planted0000000000000000000000000002",
    "DATABASE_URL": "postgresql://planted3@db/bot",
    "TAXONOMY_BOT_DATABASE_URL": "postgresql+asyncpg://bot:planted4@db/bot",
    "TAXONOMY_BOT_WEBHOOK_SECRETS": "planted5-webhook-secret",
    "TAXONOMY_BOT_PRIVATE_KEY": process_key_pair().private_pem,
    "TAXONOMY_BOT_APP_ID": "12",
    "TAXONOMY_BOT_REPOSITORIES": "1001",
    "TAXONOMY_BOT_BROKER_URL": "redis://:planted6@redis/0",
    "TAXONOMY_PIPELINE_DATABASE_URL": "postgresql://planted7@db/bot",
    "TAXONOMY_PIPELINE_GITHUB_TOKEN": "ghp_planted0000000000000000000000000008",
    "TAXONOMY_PIPELINE_PRIVATE_KEY": "planted9-private-key",
    "AWS_SECRET_ACCESS_KEY": "planted10-of-the-bucket",
    "TAXONOMY_PIPELINE_TEACHER_API_KEY": "planted11-of-the-model",
}
KEY_TEXT = process_key_pair().private_pem.split()[5]
TRACE = re.compile(rf"planted\d+|{re.escape(KEY_TEXT)}")


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    "Secrets wherever an operator may have put them, for the bot and by mistake for the worker."
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("settings", [PipelineSettings, ServeSettings])
def test_a_worker_has_no_setting_for_github_or_a_database(settings: type[PipelineSettings]) -> None:
    "There is no field to put such a thing into."
    assert not [name for name in settings.model_fields if any(word in name for word in OF_NO_BUSINESS)]


def test_a_worker_reads_none_of_the_bots_secrets(planted: None) -> None:
    "Not even where they lie in its environment: they are in no field, masked or not."
    read = read_pipeline_settings()
    told = json.dumps(
        {
            name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            for name in PipelineSettings.model_fields
            for value in [getattr(read, name)]
        }
    )
    assert TRACE.findall(told) == ["planted11"], "the key of the model server is its own"
    assert not TRACE.search(repr(read))


def test_only_the_settings_read_the_environment() -> None:
    "No other module of the model side looks up a variable; some set what libraries read, programs inherit all."
    folder = Path(__file__).parents[2] / "pipeline"
    looks_up = re.compile(r"getenv|from os import .*environ|environb?(\.(get|pop|setdefault)\(|\[(?!\"\w+\"\] = ))")
    found = [f.name for f in folder.rglob("*.py") if looks_up.search(f.read_text(encoding="utf-8"))]
    assert not found
    assert looks_up.search('os.environ["CUDA_HOME"]')
    assert not looks_up.search('os.environ["CUDA_VISIBLE_DEVICES"] = "0"')


async def test_what_lies_in_the_broker_and_the_store_holds_no_secret(tmp_path: Path, planted: None) -> None:
    "Every field of a spec, every byte of its message and of its inputs."
    settings = BotSettings()  # type: ignore[call-arg]
    assert TRACE.search(settings.database_url + settings.broker), "the secrets are where the bot reads them"
    async with Workshop(tmp_path) as workshop:
        job = await workshop.asks_for()
        stored = await workshop.sends(job)
        spec = await workshop.sender.spec_of(stored)
        for field in fields(spec):
            assert not TRACE.search(repr(getattr(spec, field.name))), field.name
        (raw,) = redis.Redis(unix_socket_path=str(workshop.redis.socket)).lrange("cpu", 0, -1)
        assert not TRACE.search(raw.decode())
        body = base64.b64decode(json.loads(raw)["body"]).decode()
        assert not TRACE.search(body)
        assert JobSpec.from_data(json.loads(body)[0][0]) == spec
        assert not [
            artifact for artifact in spec.inputs.values() if TRACE.search(str(workshop.artifacts.get(artifact)))
        ]


async def test_a_worker_tells_no_secret(tmp_path: Path, planted: None) -> None:
    "Neither its log nor what it reports and stores, although its environment is full of them."
    async with Workshop(tmp_path) as workshop:
        workshop.starts_a_worker()
        over = await workshop.ends(await workshop.asks_for())
        assert over.life.state is JobState.SUCCEEDED
        assert over.life.outcome is not None
        assert over.life.outcome.result is not None
        told = [repr(over), *(await workshop.store.logs.of_job(over.id)), (tmp_path / "worker.log").read_text()]
        told.append(workshop.artifacts.get(over.life.outcome.result).decode())
        assert not TRACE.search("\n".join(told))
