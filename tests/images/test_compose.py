"""compose.yaml: the bot with all that it needs on one machine, and who reaches whom there."""

from __future__ import annotations

import importlib.resources
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bot.settings import PREFIX as BOT
from bot.settings import BotSettings
from pipeline.contract import Queue
from pipeline.settings import PREFIX as PIPELINE
from pipeline.settings import PipelineSettings, ServeSettings
from tests.images.starting import started_redis

COMPOSE = Path(__file__).parents[2] / "compose.yaml"
_KNOWN = (
    {BOT + name.upper() for name in BotSettings.model_fields}
    | {PIPELINE + name.upper() for kind in (PipelineSettings, ServeSettings) for name in kind.model_fields}
    | {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD_FILE", "POSTGRES_PASSWORD", "PGDATA", "REDIS_PASSWORD"}
)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


def test_it_is_as_the_specification_wants_it() -> None:
    "By the JSON schema of the compose specification."
    vendored = importlib.resources.files("check_jsonschema.builtin_schemas.vendor") / "compose-spec.json"
    jsonschema.validate(yaml.safe_load(COMPOSE.read_text()), json.loads(vendored.read_text()))


def test_an_upgrade_is_one_word(services: dict[str, Any]) -> None:
    "Both images are of the same version, which .env may set; or are taken as somebody names them, by digest."
    for name, variable in (("bot", "BOT"), ("worker", "WORKER"), ("teacher", "WORKER")):
        image = rf"\$\{{TAXONOMY_{variable}_IMAGE:-ghcr\.io/[a-z/-]+:\$\{{TAXONOMY_VERSION:-\d+\.\d+\.\d+\}}\}}"
        assert re.fullmatch(image, services[name]["image"]), name


def test_no_service_has_more_rights_than_none(services: dict[str, Any]) -> None:
    "A root file system that is read only, no capability, no way to more, and a user that is not root."
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "cap_add", "network_mode", "pid"} & service.keys(), name
        assert any(mount.startswith("/tmp") for mount in service["tmpfs"]), name
        assert service.get("user") == "999:999" or "Containerfile" in str(service) or name == "teacher", name


def test_compiled_kernels_are_loaded_where_there_is_torch(services: dict[str, Any]) -> None:
    "It lays them below /tmp, from which nothing is executed unless that is said; the others have no use for it."
    for name, service in services.items():
        (tmp,) = [mount for mount in service["tmpfs"] if mount.startswith("/tmp:")]
        assert ("exec" in tmp.partition(":")[2].split(",")) is (name in ("worker", "teacher")), name


def test_workers_reach_neither_the_database_nor_the_world(services: dict[str, Any]) -> None:
    "Networks without a way out; only the bot has one, and only it sees the database."
    networks = yaml.safe_load(COMPOSE.read_text())["networks"]
    for name in ("worker", "teacher", "redis", "postgresql"):
        assert all(networks[network].get("internal") for network in services[name]["networks"]), name
    assert {name for name, service in services.items() if "database" in service["networks"]} == {
        "bot",
        "postgresql",
    }
    assert {name for name, service in services.items() if "ports" in service} == {"bot"}
    assert all(port.startswith("127.0.0.1:") for port in services["bot"]["ports"])


def test_secrets_are_files_and_each_has_its_reader(services: dict[str, Any]) -> None:
    "No secret is a variable; workers get neither GitHub's key nor the database."
    secrets = yaml.safe_load(COMPOSE.read_text())["secrets"]
    for name, source in secrets.items():
        assert source == {"file": f"./secrets/{name}"}
        assert name in _KNOWN
    assert {name for service in services.values() for name in service.get("secrets", [])} == set(secrets)
    for name in ("worker", "teacher"):
        assert all(secret.startswith(PIPELINE) for secret in services[name]["secrets"]), name
    for name, service in services.items():
        for variable in service.get("environment", {}):
            assert variable in _KNOWN, f"{name}: {variable}"
            assert not re.search(r"(KEY|SECRETS?|PASSWORD|TOKEN|BROKER_URL|DATABASE_URL)$", variable), (
                f"{name}: {variable}"
            )


def test_the_one_worker_serves_every_queue(services: dict[str, Any]) -> None:
    "A queue that nobody serves is a job that never begins."
    served = services["worker"]["environment"][f"{PIPELINE}QUEUES"].split(",")
    assert set(served) == {queue.value for queue in Queue}


def test_redis_takes_the_place_of_its_shell(services: dict[str, Any], tmp_path: Path) -> None:
    "With its settings by standard input: a shell that stays the first process lets no SIGTERM through."
    (tmp_path / "REDIS_PASSWORD").write_text("a$pass\\nword")
    (*shell, script) = services["redis"]["command"]
    script = script.replace("$$", "$").replace("/run/secrets", str(tmp_path))
    assert started_redis([*shell, script], {}, tmp_path) == (
        True,
        ["requirepass a$pass\\nword", "appendonly yes", "dir /data", "maxmemory-policy noeviction"],
    )


def test_each_has_time_to_end(services: dict[str, Any]) -> None:
    "The bot drains and a worker hands its job back before they are killed."
    assert int(services["bot"]["stop_grace_period"].rstrip("s")) >= 20 + 15
    assert int(services["worker"]["stop_grace_period"].rstrip("s")) >= 60
    for name in ("redis", "postgresql", "teacher"):
        assert services[name]["healthcheck"]["test"], name
