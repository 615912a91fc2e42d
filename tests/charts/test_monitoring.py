"""What alerts and dashboards speak of is asked for: Prometheus finds the pods, and is let in to an open port."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from bot.settings import PREFIX as BOT
from pipeline.settings import PREFIX as PIPELINE
from tests.charts.rendering import CHART, NAMESPACE, Manifest, Rendered, environment_of, over, render, values_of

_METRICS_OF = {"taxonomy_bot": BOT, "taxonomy_pipeline": PIPELINE}
_PROMETHEUS = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}


def _programs_asked_about() -> set[str]:
    "The programs whose metrics an alert or a dashboard names."
    files = [*(CHART / "alerts").glob("*.yaml"), *(CHART / "dashboards").glob("*.json")]
    return {name for file in files for name in re.findall(r"\b(taxonomy_[a-z]+)_\w+", file.read_text())}


def _pods_of(rendered: Rendered, program: str) -> list[tuple[str, Manifest]]:
    "The pods in which a program runs until somebody ends it."
    role = {"taxonomy_bot": "bot", "taxonomy_pipeline": "worker"}[program]
    return [
        (each["metadata"]["name"], each["spec"]["template"])
        for each in rendered.of("Deployment")
        if each["metadata"]["labels"]["app.kubernetes.io/component"].partition("-")[0] == role
    ]


def _matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    return bool(selector["matchLabels"].items() <= labels.items())


def _ports_asked(rendered: Rendered, labels: dict[str, str]) -> Iterator[str]:
    "The names of the ports at which Prometheus asks a pod with these labels."
    for monitor in rendered.of("PodMonitor"):
        assert monitor["spec"]["namespaceSelector"]["matchNames"] == [NAMESPACE]
        if _matches(monitor["spec"]["selector"], labels):
            yield from (end["port"] for end in monitor["spec"]["podMetricsEndpoints"])
    for monitor in rendered.of("ServiceMonitor"):
        for service in rendered.of("Service"):
            is_meant = _matches(monitor["spec"]["selector"], service["metadata"]["labels"])
            if not is_meant or not service["spec"]["selector"].items() <= labels.items():
                continue
            targets = {port["name"]: port["targetPort"] for port in service["spec"]["ports"]}
            yield from (targets[end["port"]] for end in monitor["spec"]["endpoints"])


def _lets_prometheus_in(rendered: Rendered, labels: dict[str, str], port: int) -> bool:
    return any(
        _PROMETHEUS in rule["from"] and {"port": port, "protocol": "TCP"} in rule["ports"]
        for policy in rendered.of("NetworkPolicy")
        if _matches(policy["spec"]["podSelector"], labels)
        for rule in policy["spec"]["ingress"]
        if "from" in rule
    )


@pytest.mark.parametrize("program", sorted(_programs_asked_about()))
def test_what_an_alert_asks_about_is_scraped(production: Rendered, program: str) -> None:
    "An alert about numbers that nobody fetches is silent for ever."
    pods = _pods_of(production, program)
    assert pods
    for name, template in pods:
        (container,) = template["spec"]["containers"]
        environment = environment_of(container)
        prefix = _METRICS_OF[program]
        assert environment[f"{prefix}METRICS_HOST"] == "0.0.0.0", name
        port = int(environment[f"{prefix}METRICS_PORT"])
        named = {each["name"]: each["containerPort"] for each in container["ports"]}
        labels = template["metadata"]["labels"]
        assert [named[asked] for asked in _ports_asked(production, labels)] == [port], name
        assert _lets_prometheus_in(production, labels, port), name


def test_without_metrics_nobody_listens_for_prometheus() -> None:
    "Neither the bot nor a worker, nobody is let in to one, and nobody is told to ask."
    off = {"metrics": {"enabled": False}, "scaling": {"kind": "none"}}
    rendered = render(over(values_of("production"), off))
    assert not rendered.of("ServiceMonitor")
    assert not rendered.of("PodMonitor")
    for program, prefix in _METRICS_OF.items():
        for name, template in _pods_of(rendered, program):
            (container,) = template["spec"]["containers"]
            assert f"{prefix}METRICS_PORT" not in environment_of(container), name
            assert "metrics" not in {port["name"] for port in container.get("ports", ())}, name
            assert not _lets_prometheus_in(rendered, template["metadata"]["labels"], 9090), name


def test_a_bot_without_jobs_has_no_workers_to_ask() -> None:
    "A monitor that finds nothing would look like one that is broken."
    changes = {"broker": {"enabled": False}, "scaling": {"kind": "none"}}
    rendered = render(over(values_of("production"), changes))
    assert rendered.of("ServiceMonitor")
    assert not rendered.of("PodMonitor")
