"""The value files that the chart comes with: Helm takes them, and Kubernetes would take what comes out."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

import helm_python
import jsonschema
import kubernetes_validate.utils
import pytest

from bot.settings import BotSettings
from tests.charts.custom_kinds import SCHEMAS
from tests.charts.rendering import CHART, EXAMPLES, NAMESPACE, Rendered, environment_of, over, render, values_of

VERSIONS = ("1.27", "1.37")  # the oldest that the chart takes, and the newest that is known here
_WARNING = 2

OTHERS: dict[str, dict[str, Any]] = {
    "scaled by an external metric": {"scaling": {"kind": "hpa", "seriesLabels": {"namespace": "taxonomy"}}},
    "without peaks": {"scaling": {"kind": "keda", "prometheusUrl": "http://prometheus:9090", "holdPeak": ""}},
    "a student that takes on adapters": {
        "modelServers": {"student": {"program": "serve-student", "adaptersClaim": "adapters"}}
    },
    "no policies, no metrics, no scaling": {
        "networkPolicy": {"enabled": False},
        "metrics": {"enabled": False, "serviceMonitor": {"enabled": False}},
        "scaling": {"kind": "none"},
        "caBundle": {"configMap": "internal-ca"},
    },
}

_read_once = functools.cache(kubernetes_validate.utils.schema_contents)


@pytest.fixture(autouse=True)
def _schemas_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        kubernetes_validate.utils, "schema_contents", _read_once
    )  # else megabytes for each manifest


@pytest.mark.parametrize("example", EXAMPLES)
def test_helm_finds_nothing_to_say(example: str) -> None:
    "Not even a warning; that there is no icon is fine."
    report = helm_python.lint(str(CHART), values_of(example), strict=True, namespace=NAMESPACE)
    assert report["errors"] == []
    assert [said for said in report["messages"] if said["severity"] >= _WARNING] == []


def test_kubernetes_would_take_every_manifest(rendered: Rendered) -> None:
    "Strictly: a field that Kubernetes does not know is a mistake of ours."
    _valid(rendered)


@pytest.mark.parametrize("changes", OTHERS.values(), ids=OTHERS)
def test_so_it_is_with_other_values(changes: dict[str, Any]) -> None:
    "What the value files do not show is right, too."
    _valid(render(over(values_of("production"), changes)), VERSIONS[-1:])


def _valid(rendered: Rendered, versions: Sequence[str] = VERSIONS) -> None:
    assert rendered.manifests
    for manifest in rendered.manifests:
        if manifest["kind"] in SCHEMAS:
            jsonschema.validate(manifest, SCHEMAS[manifest["kind"]])
            continue
        for version in versions:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_no_two_have_the_same_name(rendered: Rendered) -> None:
    "One would replace the other."
    names = [(each["kind"], each["metadata"]["name"]) for each in rendered.manifests]
    assert len(names) == len(set(names))


def test_selectors_find_the_pods_they_are_for(rendered: Rendered) -> None:
    "Each Service and each budget has exactly one Deployment or StatefulSet behind it."
    pods = [template["metadata"]["labels"] for _, template in rendered.pods()]
    for kind, path in (
        ("Service", lambda s: s["selector"]),
        ("PodDisruptionBudget", lambda s: s["selector"]["matchLabels"]),
    ):
        for each in rendered.of(kind):
            wanted = path(each["spec"]).items()
            assert len([labels for labels in pods if wanted <= labels.items()]) == 1, each["metadata"]["name"]


def test_nginx_lets_the_largest_webhook_in(rendered: Rendered) -> None:
    "By itself it refuses what is over 1 MB, and GitHub sends up to 25."
    (ingress,) = rendered.of("Ingress")
    assert ingress["spec"]["ingressClassName"] == "nginx"
    most = ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"]
    assert int(most.removesuffix("m")) * 1024**2 >= BotSettings.model_fields["max_delivery_bytes"].default


def test_the_notes_say_what_to_do_next() -> None:
    "How to see that it runs, and what is only for a trial."
    notes = render(values_of("single-gpu")).notes
    assert "taxonomy-bot doctor" in notes
    assert "https://taxonomy-bot.example.org/webhooks" in notes
    assert "for trials" in notes


def test_the_notes_say_where_a_trials_servers_are() -> None:
    "Each by the name of its Service, with the user and the database that it makes; and how their Secret is made."
    rendered = render(values_of("single-gpu"))
    made = environment_of(rendered.one("StatefulSet", "-postgresql")["spec"]["template"]["spec"]["containers"][0])
    user, database = made["POSTGRES_USER"], made["POSTGRES_DB"]
    assert rendered.one("Service", "-redis")
    assert rendered.one("Service", "-postgresql")
    told = dict(re.findall(r"(TAXONOMY_\w+_URL) +(\S+)", rendered.notes))
    assert told == {
        "TAXONOMY_BOT_DATABASE_URL": f"postgresql://{user}:POSTGRES_PASSWORD@demo-taxonomy-bot-postgresql:5432/{database}",
        "TAXONOMY_BOT_BROKER_URL": "redis://:REDIS_PASSWORD@demo-taxonomy-bot-redis:6379/0",
        "TAXONOMY_PIPELINE_BROKER_URL": "redis://:REDIS_PASSWORD@demo-taxonomy-bot-redis:6379/0",
    }
    (command,) = re.findall(r"create secret generic taxonomy-bot-trial \\\n(.*)", rendered.notes)
    assert set(re.findall(r"--from-literal=(\w+)=", command)) == {"REDIS_PASSWORD", "POSTGRES_PASSWORD"}
    assert "TAXONOMY_BOT_DATABASE_URL" not in render(values_of("production")).notes


def test_dashboards_and_alerts_are_taken_as_they_lie_there(production: Rendered) -> None:
    "A ConfigMap for each file, with the very text of the file; an empty folder is fine."
    files = sorted((CHART / "dashboards").glob("*.json"))
    maps = [each for each in production.of("ConfigMap") if "dashboard" in each["metadata"]["name"]]
    assert sorted(next(iter(each["data"])) for each in maps) == [file.name for file in files]
    for each in maps:
        ((name, text),) = each["data"].items()
        assert text.strip() == (CHART / "dashboards" / name).read_text().strip()
    assert len(production.of("PrometheusRule")) == len(list((CHART / "alerts").glob("*.y*ml")))


def test_alerts_lead_to_their_runbooks(production: Rendered) -> None:
    "Whoever is woken at night clicks, and is there."
    rules = [
        rule
        for one in production.of("PrometheusRule")
        for group in one["spec"]["groups"]
        for rule in group["rules"]
    ]
    assert rules
    assert all(
        re.match(r"https://\S+/docs/runbooks\.md#\w+$", rule["annotations"]["runbook_url"]) for rule in rules
    )
