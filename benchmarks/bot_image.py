"""What the bot's image holds: the steps of its Containerfile in a clean virtual environment, measured.

A container engine is not needed: the RUN lines of the stage `build` are read from the Containerfile and run with
this machine's Python, on a copy of what its COPY lines bring in. The bot then starts with an empty HOME and, where
we are root and others may read a Python, as another user who may write nowhere else. What is not shown: the base
image, and what apt-get installs.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.webhook_servers import free_port
from bot.simulator.access import process_key_pair

ROOT = Path(__file__).parents[1]
_MOST_MB = 500
_NOBODY = 10001


def main() -> None:
    """Install, measure, start; exit 1 when a target is missed."""
    with tempfile.TemporaryDirectory(prefix="bot-image-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        began = time.monotonic()
        _install(folder)
        took_s = time.monotonic() - began
        venv = folder / "venv"
        installed_mb = (
            sum(_on_disk(path) for path in venv.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6
        )
        compiled_mb = sum(_on_disk(path) for path in venv.rglob("*.pyc")) / 1e6
        packages = sorted(path.name.split("-")[0].lower() for path in venv.rglob("*.dist-info"))
        heavy = {"torch", "transformers", "vllm", "triton"} & set(packages)
        doctor = _doctor(venv, folder)
        ready_s = _serve(venv, folder)
    core_mb = installed_mb - compiled_mb
    who = "as another user" if _as_nobody() else "as ourselves"
    print(f"installed in {took_s:.0f} s: {len(packages)} packages")
    print(f"on disk: {core_mb:.0f} MB, and {compiled_mb:.0f} MB of compiled bytecode")
    print(f"heavy packages: {', '.join(heavy) or 'none'}")
    print(f"taxonomy-bot doctor, {who}: exit {doctor.returncode}")
    print(f"taxonomy-bot serve, {who}: /readyz after {ready_s:.1f} s")
    if heavy or core_mb > _MOST_MB or doctor.returncode != 0:
        print(doctor.stdout + doctor.stderr)
        sys.exit(1)


def _install(folder: Path) -> None:
    """Run the steps of the stage `build`, with the folders of the image under `folder`."""
    source, venv = folder / "src", folder / "venv"
    source.mkdir()
    text = (ROOT / "Containerfile").read_text().replace("\\\n", " ")
    stage = text.partition(" AS build\n")[2].partition("\nFROM ")[0]
    environment = {
        "PATH": f"{venv}/bin:{os.environ['PATH']}",
        "HOME": str(folder),
        "VIRTUAL_ENV": str(venv),
        "UV_LINK_MODE": "copy",
        "UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", ""),
    } | {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "UV_", "SSL_", "HTTP"))}
    bring, environment["PATH"] = folder / "uv", f"{folder}/uv/bin:{environment['PATH']}"
    for line in stage.splitlines():
        argument = re.match(r"ARG (\w+)=(\S+)$", line)
        if argument:
            environment[argument[1]] = argument[2]
            if argument[1] == "VERSION":
                environment["SETUPTOOLS_SCM_PRETEND_VERSION_FOR_TAXONOMY_BOT"] = argument[2]
        elif line.startswith("COPY "):
            _copy(line.split()[1:-1], source)
        elif line.startswith("RUN "):
            command = line[4:].replace("/opt/taxonomy-bot", str(venv))
            command = command.replace("python -m venv", f"{_interpreter()} -m venv")
            if (
                "pip install --no-cache-dir" in command
            ):  # the image's own Python is ours here: it keeps its packages
                subprocess.run([sys.executable, "-m", "venv", bring], check=True)
                command = command.replace("python -m pip", f"{bring}/bin/python -m pip", 1)
            subprocess.run(["sh", "-euc", command], check=True, cwd=source, env=environment)


def _copy(names: list[str], target: Path) -> None:
    """Bring in what .dockerignore lets through."""
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for name in let_in if names == ["."] else names:
        path = ROOT / name
        if path.is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(path, target / name, dirs_exist_ok=True, ignore=ignore)
        elif path.is_file():
            shutil.copy(path, target / name)


def _interpreter() -> str:
    """Return a Python that every user may start, or our own where there is none."""
    for path in ("/usr/local/bin/python3", "/usr/bin/python3"):
        if Path(path).exists() and _is_new(path):
            return path
    return sys.executable


def _is_new(python: str) -> bool:
    asked = "import sys, ctypes, sqlite3; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([python, "-c", asked], capture_output=True).returncode == 0


def _as_nobody() -> dict[str, Any]:
    """Return how a program is started as another user, or as ourselves where that cannot be."""
    if os.geteuid() != 0 or _interpreter() == sys.executable:
        return {}
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}


def _on_disk(path: Path) -> int:
    return path.stat().st_blocks * 512


def _environment(folder: Path, port: int) -> dict[str, str]:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    if _as_nobody():
        os.chown(home, _NOBODY, _NOBODY)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TAXONOMY_BOT_APP_ID": "1",
        "TAXONOMY_BOT_PRIVATE_KEY": process_key_pair().private_pem,
        "TAXONOMY_BOT_WEBHOOK_SECRETS": "a-secret-of-the-webhook",
        "TAXONOMY_BOT_REPOSITORIES": "1",
        "TAXONOMY_BOT_BROKER_URL": "off",
        "TAXONOMY_BOT_PORT": str(port),
        "TAXONOMY_BOT_GITHUB_API_URL": "http://127.0.0.1:9",
        "TAXONOMY_BOT_SWEEP_MINUTES": "0",
    }


def _doctor(venv: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = _environment(folder, 0)
    return subprocess.run(
        [venv / "bin/taxonomy-bot", "doctor"],
        env=environment,
        cwd=environment["HOME"],
        **_as_nobody(),
        capture_output=True,
        text=True,
        timeout=120,
    )


def _serve(venv: Path, folder: Path) -> float:
    """Start the bot as nobody; return after how many seconds it takes deliveries."""
    port = free_port()
    environment = _environment(folder, port)
    began = time.monotonic()
    bot = subprocess.Popen(
        [venv / "bin/taxonomy-bot", "serve"],
        env=environment,
        cwd=environment["HOME"],
        **_as_nobody(),
    )
    try:
        while time.monotonic() - began < 120:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
                    if answer.status == 200:
                        return time.monotonic() - began
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise SystemExit("the bot was not ready within 120 s")
    finally:
        bot.send_signal(signal.SIGTERM)
        bot.wait(60)


if __name__ == "__main__":
    main()
