"""Workers come and go with the bot's line of jobs, and none is taken away in the middle of one."""

from __future__ import annotations

import re
from typing import Any

from bot.metrics.reading import BOOK
from tests.charts.rendering import Rendered, over, render, values_of


def _trigger(rendered: Rendered, worker: str) -> dict[str, Any]:
    (trigger,) = rendered.one("ScaledObject", f"-worker-{worker}")["spec"]["triggers"]
    metadata: dict[str, Any] = trigger["metadata"]
    return metadata


def test_keda_asks_for_the_jobs_of_these_queues(production: Rendered) -> None:
    "Waiting and running, once however many bots tell it; the peak is kept while anything is open."
    asked = _trigger(production, "train")
    series = '{queue=~"gpu[.]train|build",namespace="taxonomy"}'
    open_jobs = f"sum(max by (queue) (taxonomy_bot_jobs_open{series}))"
    assert asked["query"] == f"max_over_time(({open_jobs})[4h:1m]) * ({open_jobs} > bool 0)"
    assert asked["serverAddress"] == "http://prometheus-operated.monitoring:9090"
    assert asked["threshold"] == "1"
    plain = render(over(values_of("production"), {"scaling": {"holdPeak": ""}}))
    assert _trigger(plain, "train")["query"] == open_jobs


def test_no_answer_takes_no_worker_away(production: Rendered) -> None:
    "It comes of a bot, a database or a Prometheus that is gone; an error leaves the workers as many as they are."
    for scaled in production.of("ScaledObject"):
        (trigger,) = scaled["spec"]["triggers"]
        assert trigger["metadata"]["ignoreNullValues"] == "false"
        assert "fallback" not in scaled["spec"]


def test_workers_on_gpus_may_go_altogether(production: Rendered) -> None:
    "Their Deployment leaves the number to KEDA: an upgrade resets nothing."
    for worker, least, most in (("train", 0, 4), ("cpu", 1, 4)):
        spec = production.one("ScaledObject", f"-worker-{worker}")["spec"]
        assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (least, most)
        assert spec["scaleTargetRef"]["name"] == f"demo-taxonomy-bot-worker-{worker}"
        assert "replicas" not in production.one("Deployment", f"-worker-{worker}")["spec"]


def test_without_keda_an_external_metric_does() -> None:
    "At least one worker then, for a plain autoscaler knows no zero; one waiting and one running job want two."
    rendered = render(over(values_of("production"), {"scaling": {"kind": "hpa"}}))
    assert not rendered.of("ScaledObject")
    spec = rendered.one("HorizontalPodAutoscaler", "-worker-eval")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 2)
    (metric,) = [metric["external"]["metric"] for metric in spec["metrics"]]
    assert metric["name"] == "taxonomy_bot_jobs_open"
    assert metric["selector"]["matchExpressions"] == [{"key": "queue", "operator": "In", "values": ["gpu.eval"]}]


def test_the_bot_tells_what_workers_are_scaled_by() -> None:
    "A name that nobody tells is an error for ever, and nobody would be scaled."
    for kind in ("keda", "hpa"):
        rendered = render(over(values_of("production"), {"scaling": {"kind": kind}}))
        scalers = str(rendered.of("ScaledObject") + rendered.of("HorizontalPodAutoscaler"))
        named = set(re.findall(r"taxonomy_bot_\w+", scalers))
        assert named
        assert named <= BOOK.declared.keys(), kind


def test_without_scaling_there_are_as_many_as_are_set() -> None:
    "And one GPU is never given to two workers while one replaces the other."
    spec = render(values_of("air-gapped")).one("Deployment", "-worker-gpu")["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}


def test_two_bots_are_replaced_one_after_the_other(production: Rendered) -> None:
    "On PostgreSQL none is missing meanwhile; on SQLite the old one ends first."
    assert production.one("Deployment", "")["spec"]["strategy"]["rollingUpdate"] == {
        "maxUnavailable": 0,
        "maxSurge": 1,
    }
    assert production.one("Deployment", "")["spec"]["replicas"] == 2
    assert render(values_of("minimal")).one("Deployment", "")["spec"]["strategy"] == {"type": "Recreate"}
