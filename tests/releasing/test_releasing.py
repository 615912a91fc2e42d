"""Releases: versions, notes, workflows, and a wheel in which nothing is missing."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.wheel import IMPORT_ALL
from bot.version import own_version
from tests.releasing.notes import CHANGELOG, NotesError, notes_of
from tests.releasing.versions import VersionsError, chart_version, named
from tests.releasing.workflows import found_by_actionlint, found_by_zizmor

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github").rglob("*.yml"))
_PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def _files_of(*packages: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", *packages], cwd=ROOT, capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    "The wheel, built as for a release from the files that git tracks, in a folder without git."
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in _files_of("bot", "checks", "pipeline", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=60)
    return next(target.glob("*.whl"))


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    "Templates, static files, schemas, migrations, prompts, flows, word lists, fixtures: whatever git tracks."
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == set(_files_of("bot", "checks", "pipeline"))


def test_without_git_there_is_a_version(wheel: Path) -> None:
    "Where neither git nor a tag tells one."
    assert wheel.name.startswith("taxonomy_bot-0.2.0.dev0-")


def test_every_module_is_imported_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    "In an empty folder, with nothing of this checkout on the path. (`make bench` does it in a clean environment.)"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, str(tmp_path / "installed"), "bot", "checks"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert int(done.stdout) > 400


@pytest.mark.parametrize("program", ["taxonomy-bot", "taxonomy-check"])
def test_each_program_says_its_version(program: str) -> None:
    "And nothing else."
    command = [str(Path(sys.executable).with_name(program)), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == f"{program} {own_version()}\n"


def test_notes_are_the_changelogs() -> None:
    "Those of the version, up to the one before; a trial takes what is not released yet."
    log = (
        "# Changelog\n\n## [Unreleased]\n\n- new\n\n## [0.2.0] - 2026-12-01\n\n- second\n\n## [0.1.0]\n\n- first\n"
    )
    assert notes_of("v0.2.0", log) == "- second\n"
    assert notes_of("v0.1.0", log) == "- first\n"
    assert notes_of("v0.3.0rc1", log) == "- new\n"
    assert notes_of("v9.0.0rc1", CHANGELOG.read_text(encoding="utf-8"))


@pytest.mark.parametrize("tag", ["v0.3.0", "0.2.0", "v0.2", "v0.2.0; rm -rf /", "", "v0.2.0\n"])
def test_no_notes_no_release(tag: str) -> None:
    "A tag without a section, or that is none."
    with pytest.raises(NotesError):
        notes_of(tag, "## [0.2.0]\n\n- second\n")


def test_what_is_installed_from_a_checkout_names_one_release() -> None:
    "The chart, its images, those of compose.yaml, and what a tree without git is called."
    names = named()
    assert len({version for _, version in names}) == 1, names
    assert re.fullmatch(r"\d+\.\d+\.\d+", names[0][1])
    assert chart_version(f"v{names[0][1]}") == names[0][1]


def test_a_tag_that_they_do_not_name_is_refused(tmp_path: Path) -> None:
    "With each file that has to be put right; a trial of a release has its files' number."
    for file in ("charts/taxonomy-bot/Chart.yaml", "compose.yaml", "pyproject.toml"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text((ROOT / file).read_text().replace(named()[0][1], "7.1.0"))
    assert chart_version("v7.1.0", tmp_path) == "7.1.0"
    assert chart_version("v7.1.0rc2", tmp_path) == "7.1.0-rc.2"
    (tmp_path / "compose.yaml").write_text((ROOT / "compose.yaml").read_text())
    with pytest.raises(VersionsError, match=r"This is 7\.1\.0.*\n  compose\.yaml names .*\n  compose\.yaml names"):
        chart_version("v7.1.0", tmp_path)


def test_the_release_asks_whether_they_agree() -> None:
    "Before anything is built; and the chart is called as Helm takes it, a trial's as well."
    jobs = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"]
    (asks,) = [step for step in jobs["build"]["steps"] if step.get("id") == "version"]
    assert 'python -m tests.releasing.versions "$TAG"' in asks["run"]
    (packs,) = [step for step in jobs["chart"]["steps"] if "helm package" in step.get("run", "")]
    assert '--version "$CHART"' in packs["run"]
    assert packs["env"]["CHART"] == "${{ needs.build.outputs.chart }}"


@pytest.mark.parametrize("tag", ["v7.1.0", "7.1.0", "v7.1", "v7.1.0; rm -rf /", "", "v7.1.0\n"])
def test_no_version_no_release(tag: str) -> None:
    "A tag of another release than the files', or that is none."
    with pytest.raises(VersionsError):
        chart_version(tag)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_actions_are_pinned(file: Path) -> None:
    "By the whole commit, with the version beside it for people and for dependabot."
    used = [line.strip().removeprefix("- ") for line in file.read_text().splitlines() if "uses:" in line]
    assert all(_PINNED.fullmatch(line) for line in used if not line.startswith("uses: ./"))


@pytest.mark.parametrize("file", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=lambda file: file.name)
def test_workflows_may_only_what_they_need(file: Path) -> None:
    "Nothing by default; each job says what it may; what comes from outside is never pasted into a script."
    workflow: dict[str, Any] = yaml.safe_load(file.read_text())
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert "permissions" in job
        assert job["timeout-minutes"] <= 180
        scripts = [step["run"] for step in job["steps"] if "run" in step]
        assert not any("${{" in script for script in scripts)


def test_linters_of_workflows_find_nothing() -> None:
    "Those that are installed here."
    assert found_by_zizmor() == []
    assert found_by_actionlint() == []
