"""Dashboards, alerts and runbooks speak of what there is: metrics, labels, their values, commands and anchors."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import typer
import yaml

from bot.cli import cli as bot_cli
from bot.metrics.reading import BOOK as BOT
from bot.settings import BotSettings
from checks.registry import all_rules
from pipeline.cli import cli as pipeline_cli
from pipeline.metering import Declared, Label
from pipeline.settings import PipelineSettings
from pipeline.worker.metrics import BOOK as WORKER
from tests.observability.scraping import Scrape, read

_ROOT = Path(__file__).parent.parent.parent
_CHART = _ROOT / "charts" / "taxonomy-bot"
_DASHBOARDS = sorted((_CHART / "dashboards").glob("*.json"))
_RUNBOOKS = (_ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
_OF_THE_TARGET = {"instance", "job", "namespace", "pod"}
_OF_ANY_PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total"}


@cache
def known() -> dict[str, Declared]:
    "Each series that a query may name, with the metric that it belongs to."
    return {name: each for book in (BOT, WORKER) for each in book.declared.values() for name in each.series}


def alerts() -> list[dict[str, Any]]:
    files = [yaml.safe_load(file.read_text()) for file in sorted((_CHART / "alerts").glob("*.yaml"))]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def queries() -> Iterator[Any]:
    "Every query with where it stands."
    for rule in alerts():
        yield pytest.param(rule["expr"], id=rule["alert"])
    for file in _DASHBOARDS:
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel.get("targets", ()):
                yield pytest.param(target["expr"], id=f"{file.stem}-{panel['id']}{target['refId']}")


def parts(node: Any) -> Iterator[Any]:
    "All nodes of a query."
    yield node
    for name in ("expr", "lhs", "rhs", "param", "vector_selector", "vs"):
        child = getattr(node, name, None)
        if isinstance(child, promql.Expr):
            yield from parts(child)
    for child in getattr(node, "args", ()) or ():
        yield from parts(child)


def selectors(query: str) -> list[Any]:
    return [node for node in parts(promql.parse(query)) if isinstance(node, promql.VectorSelector)]


@pytest.mark.parametrize("query", list(queries()))
def test_a_query_names_metrics_with_their_labels(query: str) -> None:
    "A metric that was renamed, or a value that a label never has, makes an alert that is silent for ever."
    found = selectors(query)
    assert len(found) == len(re.findall(r"\b(?:taxonomy|process)_[a-z_]+", query)), "every metric was looked at"
    for selector in found:
        if selector.name in _OF_ANY_PROCESS:
            continue
        metric = known()[selector.name]
        labels = {label.name: label for label in metric.labels}
        for matcher in selector.matchers.matchers:
            assert matcher.name in labels.keys() | _OF_THE_TARGET
            values = labels[matcher.name].known
            assert values is not None
            assert any(re.fullmatch(matcher.value, value) for value in values)
            for value in matcher.value.split("|"):
                assert any(re.fullmatch(value, one) for one in values), f"{matcher.name} is never {value}"
    allowed = {label.name for s in found if s.name in known() for label in known()[s.name].labels}
    for grouped in re.findall(r"(?:by|on)\s*\(([^)]*)\)", query):
        names = {name.strip() for name in grouped.split(",") if name.strip()}
        assert names <= allowed | _OF_THE_TARGET | {"le"}


def test_a_query_of_an_unknown_metric_is_found() -> None:
    "The test above can fail."
    with pytest.raises(KeyError):
        test_a_query_names_metrics_with_their_labels("sum(taxonomy_bot_no_such_thing)")
    with pytest.raises(AssertionError):
        test_a_query_names_metrics_with_their_labels('taxonomy_bot_deliveries_total{end="exploded"}')
    with pytest.raises(AssertionError):
        test_a_query_names_metrics_with_their_labels("sum by (colour) (taxonomy_bot_deliveries_total)")


def test_counters_are_never_read_raw() -> None:
    "A counter begins anew with each start: only its rate or increase means something."
    raw = [
        str(param.id)
        for param in queries()
        for name in re.findall(r"\b\w+_total\b", str(param.values[0]))
        if not re.search(rf"(rate|increase)\({name}", str(param.values[0]))
    ]
    assert raw == []


@pytest.fixture(scope="module")
def just_started() -> Scrape:
    "What both programs tell before anything has happened."
    modules = ("bot.metrics.reading", "pipeline.worker.metrics")
    code = "\n".join(f"from {m} import BOOK\nprint(BOOK.exposition('')[0].decode())" for m in modules)
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return read(told.stdout)


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_the_first_of_its_kind_is_an_increase(just_started: Scrape, rule: dict[str, Any]) -> None:
    "A series that only begins with what it is to tell of begins at 1, and has not increased."
    for call in (node for node in parts(promql.parse(rule["expr"])) if isinstance(node, promql.Call)):
        if call.func.name != "increase":
            continue
        (selector,) = [node for node in parts(call) if isinstance(node, promql.VectorSelector)]
        wanted = {matcher.name: matcher.value for matcher in selector.matchers.matchers}
        values = {
            label.name: [one for one in _values_of(label) if re.fullmatch(wanted.get(label.name, ".*"), one)]
            for label in known()[selector.name].labels
        }
        for combination in product(*values.values()):
            series = (selector.name, frozenset(zip(values, combination, strict=True)))
            assert just_started.samples.get(series) == 0, series


def _values_of(label: Label) -> frozenset[str]:
    if label.name == "rule":
        return frozenset(all_rules())
    assert label.known is not None, f"nobody knows beforehand what {label.name} may be"
    return label.known


@pytest.mark.parametrize("file", _DASHBOARDS, ids=lambda file: file.stem)
def test_a_dashboard_is_whole(file: Path) -> None:
    "Each panel has its own number, title, description and place; none lies on another."
    board = json.loads(file.read_text())
    assert board["uid"] == file.stem
    assert re.fullmatch(r"[a-z-]{1,40}", board["uid"])
    assert {"title", "schemaVersion", "panels", "templating", "time"} <= board.keys()
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids)) > 5
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        place = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not place & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= place
        if panel["type"] != "row":
            assert panel["title"]
            assert panel["description"].endswith(".")
            assert panel["datasource"]["uid"] == "${datasource}"
            assert [t["refId"] for t in panel["targets"]] == [chr(65 + n) for n in range(len(panel["targets"]))]


def test_dashboards_and_alerts_have_names_of_their_own() -> None:
    "One uid, one title, one name of an alert."
    boards = [json.loads(file.read_text()) for file in _DASHBOARDS]
    assert len(boards) == 3
    assert len({board["uid"] for board in boards}) == len({board["title"] for board in boards}) == 3
    names = [rule["alert"] for rule in alerts()]
    assert len(names) == len(set(names)) >= 15


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_leads_to_its_runbook(rule: dict[str, Any]) -> None:
    "Summary, description, severity, and an anchor that exists and is about it."
    assert rule["labels"]["severity"] in ("warning", "critical")
    notes = rule["annotations"]
    assert notes["summary"]
    assert notes["description"].endswith(".")
    page, _, anchor = notes["runbook_url"].partition("#")
    assert page == "docs/runbooks.md"
    assert anchor == rule["alert"].lower()
    section = runbooks()[rule["alert"]]
    assert all(f"**{word}**" in section for word in ("Means", "Look", "Do"))
    for label in re.findall(r"\$labels\.(\w+)", str(notes)):
        assert re.search(rf"by \([^)]*\b{label}\b", rule["expr"])


def runbooks() -> dict[str, str]:
    "The text of each runbook by its heading."
    sections = re.split(r"^## ", _RUNBOOKS, flags=re.MULTILINE)[1:]
    return {section.partition("\n")[0].strip(): section for section in sections}


def test_every_runbook_has_its_alert() -> None:
    "Nothing is left of an alert that is gone."
    assert list(runbooks()) == [rule["alert"] for rule in alerts()]


def test_runbooks_name_commands_that_exist() -> None:
    "What is to be typed at night works."
    programs = {
        "taxonomy-bot": typer.main.get_command(bot_cli),
        "taxonomy-pipeline": typer.main.get_command(pipeline_cli),
    }
    named = re.findall(r"`(taxonomy-(?:bot|pipeline) [^`]+)`", _RUNBOOKS)
    assert len(named) > 10
    for line in named:
        program, *words = shlex.split(line)
        command: Any = programs[program]
        for word in words:
            if word.startswith("-"):
                assert word in {name for parameter in command.params for name in parameter.opts}, line
            elif hasattr(command, "commands"):
                assert word in command.commands, line
                command = command.commands[word]


def test_runbooks_name_settings_and_log_lines_that_exist() -> None:
    "A setting that is named can be set, a line that is to be looked for is written."
    settings = {name.upper() for name in [*BotSettings.model_fields, *PipelineSettings.model_fields]}
    for name in re.findall(r"`([A-Z][A-Z_]{4,})`", _RUNBOOKS):
        assert name in settings | {"QUEUE"}
    code = "".join(f.read_text() for package in ("bot", "pipeline") for f in (_ROOT / package).rglob("*.py"))
    for event in re.findall(r"`([a-z]+\.[a-z_]+)`", _RUNBOOKS):
        assert f'"{event}"' in code
