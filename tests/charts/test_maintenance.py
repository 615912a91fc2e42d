"""Backups by the clock, and a pod to restore one in while no bot runs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.charts.rendering import Rendered, environment_of, over, render, values_of
from tests.charts.test_networks import networks, reaches

ON = {"maintenance": {"enabled": True}, "backup": {"enabled": True}}


def pod(rendered: Rendered, name: str) -> dict[str, Any]:
    "Return the one pod of ours with this name."
    ((_, template),) = [each for each in rendered.pods() if each[0] == f"demo-taxonomy-bot{name}"]
    spec: dict[str, Any] = template["spec"]
    return spec


def volumes(spec: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each for each in spec["volumes"]}


def test_neither_is_there_unless_asked_for() -> None:
    "A pod that holds the App's key and does nothing is for the hour in which it is needed."
    rendered = render(values_of("minimal"))
    assert [each["metadata"]["name"] for each in rendered.of("Deployment")] == ["demo-taxonomy-bot"]
    assert not rendered.of("CronJob")


@pytest.mark.parametrize("example", ["minimal", "single-gpu", "production"])
@pytest.mark.parametrize("name", ["-maintenance", "-backup"])
def test_it_has_what_the_bot_has(example: str, name: str) -> None:
    "Its settings, its Secret, the disk of SQLite and the artifacts; and the backups besides."
    rendered = render(over(values_of(example), ON))
    bot, other = pod(rendered, ""), pod(rendered, name)
    assert environment_of(other["containers"][0]) == environment_of(bot["containers"][0])
    assert other["containers"][0]["image"] == bot["containers"][0]["image"]
    assert other["serviceAccountName"] == bot["serviceAccountName"]
    backups = {"claimName": "demo-taxonomy-bot-backups"}
    own = {"backups": {"name": "backups", "persistentVolumeClaim": backups}}
    shared = {name: volume for name, volume in volumes(bot).items() if name != "adapters"}
    assert volumes(other) == shared | own
    assert rendered.one("PersistentVolumeClaim", "-backups")["metadata"]["annotations"] == {
        "helm.sh/resource-policy": "keep"
    }


def test_nobody_is_sent_to_the_pod_of_the_maintenance(production: Rendered) -> None:
    "It waits, hears when it shall end, and is no pod of the bot's Service."
    rendered = render(over(values_of("production"), ON))
    assert pod(rendered, "-maintenance")["containers"][0]["command"] == ["tini", "--", "sleep", "infinity"]
    labels = rendered.labels_of("maintenance").items()
    for service in rendered.of("Service"):
        assert not service["spec"]["selector"].items() <= labels
    assert networks(rendered, "maintenance") == networks(production, "bot")
    assert not reaches(rendered, "bot", "maintenance", 8080)


def test_a_backup_reaches_the_database_and_the_artifacts(production: Rendered) -> None:
    "Not GitHub, and not the broker; in a trial the release's own PostgreSQL."
    assert networks(production, "backup") == {("10.20.0.20/32", 5432), ("10.20.0.30/32", 443)}
    trial = render(over(values_of("single-gpu"), ON))
    for component, redis in (("backup", False), ("maintenance", True)):
        assert reaches(trial, component, "postgresql", 5432)
        assert reaches(trial, component, "redis", 6379) is redis


def test_a_backup_of_sqlite_runs_where_its_disk_is() -> None:
    "On the bot's node, beside whatever else is wished of its place."
    wished = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}
    rendered = render(over(over(values_of("minimal"), ON), {"bot": {"affinity": wished}}))
    affinity = pod(rendered, "-backup")["affinity"]
    ((beside,),) = (affinity["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"],)
    assert beside["topologyKey"] == "kubernetes.io/hostname"
    assert beside["labelSelector"]["matchLabels"].items() <= rendered.labels_of("bot").items()
    assert affinity["nodeAffinity"] == wished["nodeAffinity"]
    assert "affinity" not in pod(render(over(values_of("production"), ON)), "-backup")


@pytest.mark.parametrize("is_made", [True, False])
def test_the_oldest_backups_go_when_there_is_a_new_one(tmp_path: Path, *, is_made: bool) -> None:
    "As many stay as are wanted, all of them when the new one fails, and whatever else lies there."
    programs, backups = tmp_path / "bin", tmp_path / "backups"
    programs.mkdir()
    backups.mkdir()
    for day in range(1, 6):
        (backups / f"taxonomy-bot-2026010{day}T013000Z.zip").touch()
    (backups / "by-hand.zip").touch()
    killed, another = (backups / f".taxonomy-bot-20260105T013000Z.zip.{rest}" for rest in ("0a", "1b"))
    killed.touch()
    another.touch()
    os.utime(killed, (0, 0))
    makes = f"touch {backups}/taxonomy-bot-20260106T013000Z.zip" if is_made else "exit 1"
    (programs / "taxonomy-bot").write_text(f"#!/bin/sh\n[ \"$*\" = 'backup {backups} --artifacts' ] && {makes}\n")
    (programs / "taxonomy-bot").chmod(0o755)
    container = pod(render(over(values_of("production"), {"backup": {"keep": 3, "artifacts": True}})), "-backup")[
        "containers"
    ][0]
    (_, _, *shell) = container["command"]
    (script,) = container["args"]
    done = subprocess.run(
        [*shell, script.replace("/srv/backups", str(backups))],
        env={"PATH": f"{programs}:{os.environ['PATH']}"},
        timeout=10,
        check=False,
    )
    assert (done.returncode == 0) is is_made
    days = sorted(path.name[19:21] for path in backups.glob("taxonomy-bot-*"))
    assert days == (["04", "05", "06"] if is_made else ["01", "02", "03", "04", "05"])
    assert (backups / "by-hand.zip").exists()
    assert not killed.exists()
    assert another.exists(), "it is being written"


def test_the_notes_say_how_to_restore() -> None:
    "What to type, where whoever switches it on sees it."
    notes = render(over(values_of("single-gpu"), ON)).notes
    assert "scale deployment/demo-taxonomy-bot --replicas=0" in notes
    assert "exec -i deploy/demo-taxonomy-bot-maintenance" in notes
    assert "create job --from=cronjob/demo-taxonomy-bot-backup" in notes
