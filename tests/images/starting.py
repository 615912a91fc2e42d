"""Starts what a container would start, with a stand-in for the program."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def started_redis(command: list[str], environment: dict[str, str], folder: Path) -> tuple[bool, list[str]]:
    "Run a command that starts Redis with a stand-in for it: whether that is the process itself, and its settings."
    (folder / "redis-server").write_text('#!/bin/sh\necho "$$ $*"\nexec cat\n')
    (folder / "redis-server").chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**environment, "PATH": path})
    said, _ = process.communicate(timeout=10)
    first, *settings = said.splitlines()
    return first == f"{process.pid} -", settings
