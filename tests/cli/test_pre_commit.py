"""The hook, run by the real pre-commit out of a clone of this repository; nothing is downloaded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.checks.contributions import SKILL_PATH, a_skill
from tests.cli.checkouts import Checkout

ROOT = Path(__file__).parents[2]
_OFFLINE = {
    "PIP_NO_DEPS": "1",
    "PIP_NO_INDEX": "1",
    "PIP_NO_BUILD_ISOLATION": "false",  # pip's word for "yes, without"
    "PYTHONPATH": sysconfig.get_paths()["purelib"],  # what the hook needs is there
    "GIT_CONFIG_GLOBAL": os.devnull,
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    "Where pre-commit keeps what it has installed."
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    "This repository as others clone it, as it is now."
    clone = Checkout(tmp_path_factory.mktemp("published") / "taxonomy-bot")
    for name in ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, clone.folder)
    for name in ("checks", "bot", "pipeline"):
        shutil.copytree(ROOT / name, clone.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    clone.commits("Publish")
    return clone


def hook(checkout: Checkout, published: Checkout, home: Path) -> subprocess.CompletedProcess[str]:
    "Have pre-commit run the hook on what is about to be committed."
    checkout.writes(
        ".pre-commit-config.yaml",
        f"repos:\n  - repo: {published.folder}\n    rev: {published.git('rev-parse', 'HEAD')}\n"
        "    hooks:\n      - id: taxonomy-check\n",
    )
    checkout.git("add", "--all")
    command = [str(Path(sys.executable).parent / "pre-commit"), "run"]
    own = os.environ | _OFFLINE | {"PRE_COMMIT_HOME": str(home)}
    return subprocess.run(command, cwd=checkout.folder, env=own, capture_output=True, text=True, timeout=80)


def test_the_hook_stops_a_weak_leaf_and_lets_a_good_one_pass(
    checkout: Checkout, published: Checkout, home: Path
) -> None:
    "It says what is wrong, and looks at nothing but the taxonomy's own folders."
    checkout.writes("docs/qna.yaml", "no: taxonomy\n")
    checkout.writes_a_good_skill()
    checkout.writes(SKILL_PATH, a_skill(seed_examples=2))
    stopped = hook(checkout, published, home)
    assert stopped.returncode == 1, stopped.stdout + stopped.stderr
    assert "[counts/too-few-examples]" in stopped.stdout
    assert "docs/qna.yaml" not in stopped.stdout

    checkout.writes(SKILL_PATH, a_skill())
    passed = hook(checkout, published, home)
    assert (passed.returncode, "Passed" in passed.stdout) == (0, True), passed.stdout + passed.stderr
