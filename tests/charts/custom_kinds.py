"""Schemas of the kinds that are no part of Kubernetes: as far as the chart uses them, and nothing besides."""

from __future__ import annotations

from typing import Any

_NAME = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$"}
_LABELS = {"type": "object", "additionalProperties": {"type": "string", "maxLength": 63}}


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _kind(version: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return _object(
        apiVersion={"const": version}, kind={"const": kind}, metadata=_object(name=_NAME, labels=_LABELS), spec=spec
    )


_COUNT = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string", "minLength": 1}
_RULE = {
    "type": "object",
    "required": ["expr"],
    "properties": {
        "alert": _TEXT,
        "record": _TEXT,
        "expr": {"type": ["string", "integer"]},
        "for": _TEXT,
        "keep_firing_for": _TEXT,
        "labels": _LABELS,
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "additionalProperties": False,
}
_GROUP = {
    "type": "object",
    "required": ["name", "rules"],
    "properties": {"name": _TEXT, "interval": _TEXT, "rules": {"type": "array", "items": _RULE, "minItems": 1}},
    "additionalProperties": False,
}

# Source: KEDA's ScaledObject (keda.sh/v1alpha1) and its scaler "prometheus", whose metadata are all strings; the
# Prometheus operator's monitoring.coreos.com/v1
SCHEMAS: dict[str, dict[str, Any]] = {
    "ScaledObject": _kind(
        "keda.sh/v1alpha1",
        "ScaledObject",
        _object(
            scaleTargetRef=_object(name=_NAME),
            minReplicaCount=_COUNT,
            maxReplicaCount=_COUNT,
            pollingInterval=_COUNT,
            cooldownPeriod=_COUNT,
            advanced=_object(
                horizontalPodAutoscalerConfig=_object(
                    behavior=_object(
                        scaleDown=_object(
                            stabilizationWindowSeconds={"type": "integer", "minimum": 0, "maximum": 3600}
                        )
                    )
                )
            ),
            triggers={
                "type": "array",
                "minItems": 1,
                "items": _object(
                    type={"const": "prometheus"},
                    metricType={"enum": ["AverageValue", "Value"]},
                    metadata=_object(
                        serverAddress=_TEXT,
                        query=_TEXT,
                        threshold=_TEXT,
                        ignoreNullValues={"enum": ["true", "false"]},
                    ),
                ),
            },
        ),
    ),
    "ServiceMonitor": _kind(
        "monitoring.coreos.com/v1",
        "ServiceMonitor",
        _object(
            selector=_object(matchLabels=_LABELS),
            namespaceSelector=_object(matchNames={"type": "array", "items": _TEXT}),
            endpoints={
                "type": "array",
                "minItems": 1,
                "items": _object(port=_TEXT, path={"const": "/metrics"}, interval=_TEXT),
            },
        ),
    ),
    "PodMonitor": _kind(
        "monitoring.coreos.com/v1",
        "PodMonitor",
        _object(
            selector=_object(matchLabels=_LABELS),
            namespaceSelector=_object(matchNames={"type": "array", "items": _TEXT}),
            podMetricsEndpoints={
                "type": "array",
                "minItems": 1,
                "items": _object(port=_TEXT, path={"const": "/metrics"}, interval=_TEXT),
            },
        ),
    ),
    "PrometheusRule": _kind(
        "monitoring.coreos.com/v1", "PrometheusRule", _object(groups={"type": "array", "items": _GROUP})
    ),
}
