"""Values that cannot work are refused before anything is installed, with what to do instead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import helm_python
import pytest
import yaml

from tests.charts.rendering import CHART, over, render, values_of

# production with this changed, and what is said
CONTRADICTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "two bots on SQLite": (
        {"database": {"kind": "sqlite"}},
        "bot.replicas is 2, but SQLite has one writer: set bot.replicas to 1",
    ),
    "no App": ({"github": {"appId": 0}}, "github.appId is missing"),
    "nothing to serve": ({"github": {"repositories": []}}, "github.repositories is empty"),
    "no Secret of the bot": ({"github": {"existingSecret": ""}}, "github.existingSecret is missing"),
    "no Secret of the workers": ({"workersSecret": ""}, "workersSecret is missing"),
    "one Secret for both": ({"workersSecret": "taxonomy-bot"}, "workersSecret is the bot's Secret"),
    "no bucket": ({"artifacts": {"s3": {"url": ""}}}, "artifacts.s3.url is missing: s3://BUCKET/FOLDER"),
    "Redis that nobody knows the place of": (
        {"networkPolicy": {"broker": {"peers": []}}},
        "networkPolicy.broker.peers is empty",
    ),
    "PostgreSQL that nobody knows the place of": (
        {"networkPolicy": {"database": {"peers": []}}},
        "networkPolicy.database.peers is empty",
    ),
    "a bucket that nobody knows the place of": (
        {"networkPolicy": {"artifacts": {"peers": []}}},
        "networkPolicy.artifacts.peers is empty",
    ),
    "a collector that nobody knows the place of": (
        {"traces": {"url": "http://collector:4318/v1/traces"}},
        "networkPolicy.traces.peers is empty",
    ),
    "a trial without passwords": (
        {"redis": {"enabled": True}},
        "for the servers of this release, which will be demo-taxonomy-bot-redis and demo-taxonomy-bot-postgresql",
    ),
    "Redis without jobs": (
        {"redis": {"enabled": True}, "broker": {"enabled": False}},
        "redis.enabled starts a broker",
    ),
    "PostgreSQL beside SQLite": (
        {"database": {"kind": "sqlite"}, "postgresql": {"enabled": True}},
        "postgresql.enabled starts a server",
    ),
    "a way in to nowhere": ({"publicUrl": ""}, "ingress.enabled needs publicUrl"),
    "a way in below a path": (
        {"publicUrl": "https://example.org/tools/bot/"},
        "publicUrl has the path /tools/bot, which an Ingress cannot take off again",
    ),
    "KEDA without Prometheus": (
        {"scaling": {"prometheusUrl": ""}},
        "scaling.kind keda needs scaling.prometheusUrl",
    ),
    "scaling by nothing": ({"metrics": {"enabled": False}}, "scaling needs metrics.enabled"),
    "workers of no queue": ({"workers": {"cpu": {"queues": []}}}, "workers.cpu.queues is empty"),
    "less at most than at least": (
        {"workers": {"cpu": {"minReplicas": 9}}},
        "workers.cpu.minReplicas is more than its maxReplicas",
    ),
    "a server without a model": ({"modelServers": {"teacher": {"model": ""}}}, "modelServers.teacher needs model"),
    "two teachers": (
        {"models": {"teacher": {"url": "http://other:8000/v1"}}},
        "models.teacher.url names another server",
    ),
    "a secret among the settings": (
        {"bot": {"settings": {"WEBHOOK_SECRETS": "hunter2hunter2"}}},
        "bot.settings.WEBHOOK_SECRETS is secret, and values are not: put TAXONOMY_BOT_WEBHOOK_SECRETS into",
    ),
    "a worker's secret among the settings": (
        {"workers": {"cpu": {"settings": {"TEACHER_API_KEY": "hunter2"}}}},
        "workers.cpu.settings.TEACHER_API_KEY is secret",
    ),
    "a setting that the chart sets itself": (
        {"bot": {"settings": {"PORT": 1}}},
        "bot.settings.PORT is set by the chart itself",
    ),
    "a worker's setting that the chart sets itself": (
        {"workers": {"cpu": {"settings": {"METRICS_PORT": 9091}}}},
        "workers.cpu.settings.METRICS_PORT is set by the chart itself",
    ),
    "adapters for vLLM": (
        {"modelServers": {"student": {"adaptersClaim": "x"}}},
        "adaptersClaim is for the student",
    ),
}

MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "a key that does not exist": ({"bot": {"replica": 2}}, "additional properties 'replica' not allowed"),
    "a key at the top that does not exist": ({"databse": {}}, "additional properties 'databse' not allowed"),
    "text for a number": ({"bot": {"replicas": "two"}}, "/bot/replicas"),
    "no bot": ({"bot": {"replicas": 0}}, "/bot/replicas"),
    "another database": ({"database": {"kind": "mysql"}}, "/database/kind"),
    "a queue that does not exist": ({"workers": {"cpu": {"queues": ["gpu.magic"]}}}, "/workers/cpu/queues/0"),
    "half a digest": ({"image": {"digest": "sha256:abc"}}, "/image/digest"),
    "a setting in small letters": ({"bot": {"settings": {"nightly": "false"}}}, "invalid propertyName 'nightly'"),
    "a script for an address": ({"publicUrl": "javascript:alert(1)"}, "/publicUrl"),
    "a name that breaks out of YAML": ({"workersSecret": "x\n    evil: true"}, "/workersSecret"),
    "a worker with a name that is none": (
        {"workers": {"../etc": {"queues": ["cpu"]}}},
        "invalid propertyName '../etc'",
    ),
    "too little time to hand a job back": (
        {"workers": {"cpu": {"terminationGracePeriodS": 5}}},
        "terminationGracePeriodS",
    ),
}


@pytest.mark.parametrize(("changes", "said"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_values_that_contradict_each_other_are_refused(changes: dict[str, Any], said: str) -> None:
    "In a sentence that names the value and the way out."
    with pytest.raises(helm_python.HelmRenderError) as refused:
        render(over(values_of("production"), changes))
    assert said in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_path_is_fine_where_somebody_else_takes_it_off() -> None:
    "A proxy in front, such as one that is there already; a slash alone is no path."
    below = {"publicUrl": "https://example.org/bot", "ingress": {"enabled": False}}
    assert not render(over(values_of("production"), below)).of("Ingress")
    (ingress,) = render(over(values_of("production"), {"publicUrl": "https://example.org/"})).of("Ingress")
    (rule,) = ingress["spec"]["rules"]
    assert (rule["host"], rule["http"]["paths"][0]["path"]) == ("example.org", "/")


def test_all_contradictions_are_told_at_once() -> None:
    "Nobody installs eight times to learn of eight values that are missing."
    with pytest.raises(helm_python.HelmRenderError) as refused:
        render({})
    for missing in (
        "github.appId",
        "github.repositories",
        "github.existingSecret",
        "workersSecret",
        "artifacts.s3.url",
    ):
        assert missing in str(refused.value)


@pytest.mark.parametrize(("changes", "where"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_refused_with_its_place(changes: dict[str, Any], where: str) -> None:
    "By the schema, which knows every key."
    with pytest.raises(helm_python.HelmError) as refused:
        render(over(values_of("production"), changes))
    assert where in str(refused.value)


def _parts(schema: dict[str, Any], where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, part in schema.get("properties", {}).items():
        yield f"{where}.{name}", part
        yield from _parts(part, f"{where}.{name}")


def test_every_value_is_described() -> None:
    "The schema says of each value what it is; each default has a place in it, and the other way round."
    schema = json.loads((CHART / "values.schema.json").read_text())
    named = schema["$defs"]
    assert schema["additionalProperties"] is False
    for where, part in _parts(schema):
        described = part if "$ref" not in part else named[part["$ref"].rpartition("/")[2]]
        assert described["description"], where
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(defaults) == set(schema["properties"]) - {"global"}
