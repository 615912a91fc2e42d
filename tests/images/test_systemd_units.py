"""The systemd units: well-formed, hardened, and with settings that the programs know."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bot.settings import PREFIX as BOT
from bot.settings import BotSettings
from pipeline.settings import PREFIX as PIPELINE
from pipeline.settings import PipelineSettings

UNITS = Path(__file__).parents[2] / "deploy/systemd"
NAMES = ("taxonomy-bot.service", "taxonomy-worker@.service", "taxonomy-teacher.service")
_MOST_EXPOSED = 2.0  # of 10, as systemd counts
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")


def lines_of(name: str) -> list[tuple[str, str]]:
    "Return what a unit sets, in its order."
    pairs = (line.partition("=") for line in (UNITS / name).read_text().splitlines() if re.match(r"[A-Z]", line))
    return [(key, value) for key, _, value in pairs]


def test_commands_run_as_the_service_does() -> None:
    "deploy/systemd/taxonomy-bot.sh has the user, the settings and the secrets of the unit."
    script = (UNITS / "taxonomy-bot.sh").read_text()
    unit = lines_of("taxonomy-bot.service")
    carried = ("SupplementaryGroups", "WorkingDirectory", "UMask", "EnvironmentFile", "LoadCredential")
    for key, value in unit:
        if key in carried:
            assert f"--property={key}={value} " in script
        if key == "Environment":
            assert f"--setenv={value} " in script
    named = dict(unit)
    assert f"--uid={named['User']} --gid={named['Group']} " in script
    assert f'{named["ExecStart"].split()[0]} "$@"' in script


@needs_systemd
def test_systemd_understands_them(tmp_path: Path) -> None:
    "With a program that is there in the place of ours; one unit of the template stands for all."
    for name in NAMES:
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", (UNITS / name).read_text(), flags=re.MULTILINE)
        (tmp_path / name.replace("@", "@gpu")).write_text(text)
    units = sorted(str(path) for path in tmp_path.iterdir())
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, timeout=60
    )
    ours = [line for line in said.stderr.splitlines() if str(tmp_path) in line or "taxonomy" in line]
    assert (said.returncode, ours) == (0, [])


@needs_systemd
@pytest.mark.parametrize("name", NAMES)
def test_they_are_hardly_exposed(name: str, tmp_path: Path) -> None:
    "By systemd's own count of what a unit may do."
    unit = tmp_path / name.replace("@", "@gpu")
    shutil.copy(UNITS / name, unit)
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
        capture_output=True,
        text=True,
        timeout=60,
    )
    found = re.search(r"exposure level for \S+: ([\d.]+)", said.stdout)
    if found is None:
        pytest.skip(f"this systemd cannot judge a unit by its file: {said.stderr.strip()}")
    assert float(found[1]) <= _MOST_EXPOSED


@pytest.mark.parametrize("name", NAMES)
def test_each_is_locked_in(name: str) -> None:
    "Also where systemd is not there to say so."
    set_to = dict(lines_of(name))
    assert set_to["NoNewPrivileges"] == "yes"
    assert set_to["ProtectSystem"] == "strict"
    assert set_to["ProtectHome"] == "yes"
    assert set_to["CapabilityBoundingSet"] == ""
    assert set_to["User"] not in ("", "root")
    assert int(set_to["TimeoutStopSec"]) >= 60


@pytest.mark.parametrize("name", NAMES)
def test_what_they_set_is_known(name: str) -> None:
    "Variables are settings, credentials are named like them, and no secret stands in a unit."
    known = {BOT + field.upper() for field in BotSettings.model_fields}
    known |= {PIPELINE + field.upper() for field in PipelineSettings.model_fields}
    known |= {"PYTHONDONTWRITEBYTECODE", "HOME", "HF_HUB_OFFLINE"}
    for key, value in lines_of(name):
        variable = value.partition("=")[0]
        if key == "Environment":
            assert variable in known
            assert not re.search(r"KEY|SECRET|PASSWORD|BROKER|DATABASE", variable)
        elif key == "LoadCredential":
            credential, _, source = value.partition(":")
            assert credential in known
            assert source == f"/etc/taxonomy-bot/secrets/{credential}"


@pytest.mark.parametrize("name", NAMES[1:])
def test_workers_and_models_reach_this_machine_only(name: str) -> None:
    "Until an operator adds an address; and they are another user than the bot."
    set_to = dict(lines_of(name))
    assert (set_to["IPAddressDeny"], set_to["IPAddressAllow"]) == ("any", "localhost")
    assert set_to["User"] == "taxonomy-worker"
    assert "bot.env" not in str(set_to)
    assert "LoadCredential" not in set_to


def test_users_and_folders_are_made() -> None:
    "Each user and shared folder of the units is in the files that make them."
    users = (UNITS / "taxonomy-bot.sysusers").read_text()
    folders = (UNITS / "taxonomy-bot.tmpfiles").read_text()
    for name in NAMES:
        set_to = dict(lines_of(name))
        assert re.search(rf"^u {set_to['User']} ", users, re.MULTILINE)
        if "ReadWritePaths" in set_to:
            assert f"d {set_to['ReadWritePaths']} 2770 root {set_to['SupplementaryGroups']}" in folders
