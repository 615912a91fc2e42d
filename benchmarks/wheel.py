"""`python -m benchmarks.wheel [WHEEL]`: the wheel in a clean environment, used in an empty folder.

Without a wheel one is built of what git tracks. Installs the core only, checks a leaf, starts the bot and looks at
a page, and has the demo begin. Exit 1 where something does not work or is larger or slower than promised.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks.webhook_servers import free_port
from bot.simulator import Simulator
from tests.checks.contributions import SKILL_PATH, a_skill, attribution

ROOT = Path(__file__).parent.parent
MOST_MB, MOST_HELP_S, MOST_CHECK_S = 500, 0.3, 2.0
_INSTALL_S, _START_S, _TIMES = 600, 90, 5
IMPORT_ALL = """
import importlib, pathlib, sys
root, packages = pathlib.Path(sys.argv.pop(1)), sys.argv[1:]
sys.path[:] = [str(root), *(p for p in sys.path if p and not (pathlib.Path(p) / "bot").exists())]
count = 0
for package in packages:
    for file in sorted((root / package).rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts
        if "migrations" in parts or parts[-1] == "__main__":
            continue
        module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
        assert str(root) in str(module.__file__), f"{module} did not come from the wheel"
        count += 1
print(count)
"""


def _built(folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return next(folder.glob("*.whl"))


def _installed(wheel: Path, folder: Path) -> Path:
    """Return the folder of programs of a fresh environment with the wheel, and nothing that is optional."""
    environment = folder / "venv"
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(environment)], check=True)
    variables = os.environ | {
        "VIRTUAL_ENV": str(environment),
        "UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", ""),
    }
    options = ["--quiet", "--compile-bytecode", "-c", str(ROOT / "constraints.txt")]
    subprocess.run([uv, "pip", "install", *options, str(wheel)], env=variables, check=True, timeout=_INSTALL_S)
    return environment / "bin"


def _seconds(command: list[str], cwd: Path) -> float:
    """Return the quickest of some runs: the others tell of the machine. Where that is crowded, processor time."""
    times = []
    for _ in range(_TIMES):
        began, used = time.monotonic(), _processor_s()
        subprocess.run(command, cwd=cwd, check=True, capture_output=True, timeout=_START_S)
        is_crowded = os.getloadavg()[0] > (os.cpu_count() or 1)
        times.append(_processor_s() - used if is_crowded else time.monotonic() - began)
    return min(times)


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextlib.contextmanager
def _serving(programs: Path, folder: Path, simulator: Simulator) -> Iterator[str]:
    port = free_port()
    settings = {
        "APP_ID": "1234",
        "PRIVATE_KEY": simulator.private_key_pem,
        "WEBHOOK_SECRETS": "a secret of this proof",
        "REPOSITORIES": "1",
        "DATABASE_URL": f"sqlite:///{folder / 'bot.sqlite'}",
        "ARTIFACTS_URL": str(folder / "artifacts"),
        "MODEL_STORE_URL": str(folder / "models"),
        "INDEX_FOLDER": str(folder / "indexes"),
        "BROKER_URL": "off",
        "SWEEP_MINUTES": "0",
        "PORT": str(port),
    }
    variables = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    variables |= {f"TAXONOMY_BOT_{name}": value for name, value in settings.items()}
    with (folder / "serve.log").open("wb") as log:
        bot = subprocess.Popen(
            [programs / "taxonomy-bot", "serve"], cwd=folder, env=variables, stdout=log, stderr=log
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        bot.terminate()
        bot.wait(30)


def _read(url: str) -> str:
    """Return what a page says, once it is there."""
    until = time.monotonic() + _START_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read().decode()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def _pages_are_there(programs: Path, folder: Path) -> bool:
    with _serving(programs, folder, Simulator(webhook_secret="")) as address:
        is_well = _read(f"{address}/healthz") == "ok\n"
        page = _read(f"{address}/")
        static = [part.split('"')[0] for part in page.split('href="')[1:] if "/static/" in part.split('"')[0]]
        return is_well and bool(static) and all(_read(f"{address}{path}") for path in static)


def _demo_begins(programs: Path, folder: Path) -> bool:
    """True once the demo tells of the first pull request; then it is ended."""
    variables = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONUNBUFFERED": "1"}
    with (folder / "demo.log").open("wb") as log:
        demo = subprocess.Popen(
            [programs / "taxonomy-bot", "demo"], cwd=folder, env=variables, stdout=log, stderr=log
        )
    until = time.monotonic() + _START_S
    try:
        while time.monotonic() < until and "pull request" not in (folder / "demo.log").read_text(errors="replace"):
            time.sleep(0.5)
        return "pull request" in (folder / "demo.log").read_text(errors="replace")
    finally:
        demo.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            demo.wait(30)
        demo.kill()


def main() -> int:
    """Print what was found. Returns 1 when a promise is not kept."""
    folder = Path(tempfile.mkdtemp(prefix="wheel-"))
    wheel = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else _built(folder)
    began = time.monotonic()
    programs = _installed(wheel, folder)
    print(f"{wheel.name}: installed in {time.monotonic() - began:.1f} s")
    away = folder / "away"
    leaf = away / SKILL_PATH
    leaf.parent.mkdir(parents=True)
    leaf.write_text(a_skill())
    (leaf.parent / "attribution.txt").write_text(attribution())
    site = next((programs.parent / "lib").glob("*/site-packages"))
    size_mb = sum(file.stat().st_size for file in site.rglob("*") if file.is_file() and file.suffix != ".pyc") / 1e6
    check = str(programs / "taxonomy-check")
    help_s, check_s = _seconds([check, "--help"], away), _seconds([check, SKILL_PATH], away)
    imported = subprocess.run(
        [programs / "python", "-c", IMPORT_ALL, str(site), "bot", "checks"],
        cwd=away,
        capture_output=True,
        text=True,
        check=False,
    )
    kept = {
        f"core on disk without bytecode: {size_mb:.0f} MB (at most {MOST_MB})": size_mb <= MOST_MB,
        f"taxonomy-check --help: {help_s:.2f} s (at most {MOST_HELP_S})": help_s <= MOST_HELP_S,
        f"taxonomy-check on a leaf: {check_s:.2f} s (at most {MOST_CHECK_S})": check_s <= MOST_CHECK_S,
        f"modules imported: {imported.stdout.strip() or imported.stderr[-500:]}": not imported.returncode,
        "taxonomy-bot serve answers, with a page and its static files": _pages_are_there(programs, away),
        "taxonomy-bot demo begins": _demo_begins(programs, away),
    }
    for promise, is_kept in kept.items():
        print(f"  {'kept  ' if is_kept else 'BROKEN'} {promise}")
    if all(kept.values()):
        shutil.rmtree(folder, ignore_errors=True)
    print(f"  load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; above that, starts are in processor time")
    return 0 if all(kept.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
