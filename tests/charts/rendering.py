"""Renders the chart as Helm does, and offers what comes out by kind and name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import helm_python
import yaml

CHART = Path(__file__).parents[2] / "charts/taxonomy-bot"
EXAMPLES = tuple(sorted(path.stem for path in (CHART / "values").glob("*.yaml")))
NAMESPACE = "taxonomy"

Manifest = dict[str, Any]


def values_of(example: str) -> dict[str, Any]:
    "Return one of the value files that the chart comes with."
    read: dict[str, Any] = yaml.safe_load((CHART / "values" / f"{example}.yaml").read_text())
    return read


def over(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    "Return values with changes put over them, as Helm merges several value files."
    merged = dict(values)
    for key, value in changes.items():
        known = merged.get(key)
        merged[key] = over(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


@dataclass(frozen=True)
class Rendered:
    """The manifests of one release."""

    manifests: tuple[Manifest, ...]
    notes: str

    def of(self, kind: str) -> list[Manifest]:
        "Return all of a kind."
        return [each for each in self.manifests if each["kind"] == kind]

    def one(self, kind: str, name: str) -> Manifest:
        "Return the one of a kind with a name, without the release's own."
        (found,) = [each for each in self.of(kind) if each["metadata"]["name"] == f"demo-taxonomy-bot{name}"]
        return found

    def pods(self) -> Iterator[tuple[str, Manifest]]:
        "Yield the specs of all pods that would run, with whose they are."
        for each in self.manifests:
            spec = each["spec"]["jobTemplate"]["spec"] if each["kind"] == "CronJob" else each.get("spec", {})
            if each["kind"] in ("Deployment", "StatefulSet", "Job", "CronJob"):
                yield each["metadata"]["name"], spec["template"]

    def labels_of(self, component: str) -> dict[str, str]:
        "Return the labels of a component's pods."
        for _, template in self.pods():
            labels: dict[str, str] = template["metadata"]["labels"]
            if labels["app.kubernetes.io/component"] == component:
                return labels
        raise LookupError(component)


def render(values: dict[str, Any], *, is_upgrade: bool = False) -> Rendered:
    "Render the chart; raises HelmError for what it refuses."
    with helm_python.Chart.load(CHART) as chart:
        files = chart.render(
            values, name="demo", namespace=NAMESPACE, is_upgrade=is_upgrade, is_install=not is_upgrade
        )
    notes = "".join(text for path, text in files.items() if path.endswith("NOTES.txt"))
    manifests = [
        manifest
        for path, text in files.items()
        if path.endswith(".yaml")
        for manifest in yaml.safe_load_all(text)
        if manifest
    ]
    return Rendered(tuple(manifests), notes)


def environment_of(container: Manifest) -> dict[str, Any]:
    "Return a container's variables: a value, or where it comes from."
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container.get("env", [])}
