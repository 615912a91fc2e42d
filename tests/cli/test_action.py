"""The composite action: described as GitHub wants it, its script run for real, nothing of others in shell text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.checks.contributions import SKILL_PATH, a_skill
from tests.cli.checkouts import Checkout

ACTION = Path(__file__).parents[2] / ".github/actions/taxonomy-check/action.yml"
HOSTILE = '$(touch owned) `touch owned` "; touch owned; #'


@pytest.fixture(scope="module")
def action() -> Any:
    return yaml.safe_load(ACTION.read_text())


def step(action: Any, name: str) -> Any:
    (found,) = [each for each in action["runs"]["steps"] if each.get("name") == name]
    return found


class Runner:
    """Runs the script of the checking step as a runner does, with the real command where it would be installed."""

    def __init__(self, checkout: Checkout, folder: Path, action: Any) -> None:
        self._checkout = checkout
        self._step = step(action, "Check the contribution")
        self._folder = folder
        self.output = folder / "output"
        binaries = folder / "taxonomy-check/bin"
        binaries.mkdir(parents=True)
        (binaries / "taxonomy-check").symlink_to(Path(sys.executable).parent / "taxonomy-check")

    def runs(self, **values: str) -> subprocess.CompletedProcess[str]:
        "Run the step; what is not in `values` is empty, as GitHub leaves it."
        script = self._folder / "step.sh"
        script.write_text(self._step["run"])
        self.output.write_text("")
        own = dict.fromkeys(self._step["env"], "") | values
        own |= {"RUNNER_TEMP": str(self._folder), "GITHUB_OUTPUT": str(self.output), "GITHUB_ACTIONS": "true"}
        command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)]
        return subprocess.run(
            command, cwd=self._checkout.folder, env=os.environ | own, capture_output=True, text=True, timeout=60
        )


@pytest.fixture
def runner(checkout: Checkout, tmp_path: Path, action: Any) -> Runner:
    return Runner(checkout, tmp_path / "runner temp", action)


def test_github_takes_the_description() -> None:
    "By the published schema of action files."
    command = [str(Path(sys.executable).parent / "check-jsonschema"), "--builtin-schema", "vendor.github-actions"]
    done = subprocess.run([*command, str(ACTION)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_is_pasted_into_a_script(action: Any) -> None:
    "What others choose, such as a branch name, reaches scripts as variables only; actions of others are pinned."
    for each in action["runs"]["steps"]:
        assert "${{" not in each.get("run", "")
        if "uses" in each:
            _, _, pin = each["uses"].partition("@")
            assert len(pin) == 40


def test_every_input_is_used_and_described(action: Any) -> None:
    "And the page on checking by oneself names each."
    text = json.dumps(action["runs"])
    page = (ACTION.parents[3] / "docs/contributors/check-locally.md").read_text()
    for name, told in action["inputs"].items():
        assert f"inputs.{name}" in text
        assert told["description"]
        assert f"`{name}`" in page


def test_a_pull_request_is_compared_with_its_target(checkout: Checkout, runner: Runner) -> None:
    "Annotations on the lines that it changes, a red step, and the report as SARIF where it is asked for."
    checkout.git("update-ref", "refs/remotes/origin/main", "main")
    checkout.writes(SKILL_PATH, a_skill(seed_examples=2, created_by="eve"))
    checkout.commits("Add")

    done = runner.runs(TARGET="main", AUTHOR="ana", SARIF="out dir.sarif")

    assert done.returncode == 1
    assert f"::error file={SKILL_PATH},line=" in done.stdout
    assert "created-by/other-name" in (checkout.folder / "out dir.sarif").read_text()
    name, value, _ = runner.output.read_text().splitlines()
    assert name.startswith("sarif-file<<")
    assert value == "out dir.sarif"


@pytest.mark.parametrize(
    ("values", "changes"),
    [
        ({"BASE": "main"}, 2),
        ({"GROUP_BASE": "main"}, 2),
        ({"BEFORE": "main"}, 2),
        ({"BEFORE": "0" * 40}, 1),
        ({}, 1),
    ],
    ids=["named", "a merge group", "a push", "the first push of a branch", "nothing known"],
)
def test_the_base_is_what_the_event_began_from(
    checkout: Checkout, runner: Runner, values: dict[str, str], changes: int
) -> None:
    "Else the commit before."
    values = {key: checkout.git("rev-parse", "main") if value == "main" else value for key, value in values.items()}
    for name in ("one", "two"):
        checkout.writes_a_good_skill(SKILL_PATH.replace("shorten", name))
        checkout.commits(f"Add {name}")
    done = runner.runs(**values)
    assert f"({changes} commit{'s' if changes > 1 else ''})" in done.stdout


def test_hostile_values_are_only_values(checkout: Checkout, runner: Runner) -> None:
    "Nothing in them is run, and none becomes another option."
    checkout.writes_a_good_skill()
    checkout.commits("Add")
    runner.runs(**dict.fromkeys(["BASE", "TARGET", "GROUP_BASE", "BEFORE", "AUTHOR", "POLICY", "SARIF"], HOSTILE))
    runner.runs(TARGET=HOSTILE)
    assert not (checkout.folder / "owned").exists()
    done = runner.runs(BASE="--list-rules", AUTHOR="--list-rules")
    assert done.returncode == 2
    assert 'no commit, branch or tag "--list-rules"' in done.stderr
