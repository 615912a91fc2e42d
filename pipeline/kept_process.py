"""Runs a command that ends with the process that asked for it, however that one ends: `PARENT_PID COMMAND...`.

It is started as the leader of a session of its own, so that everything the command starts is in one group. On Linux
the command ends also when this process alone is killed.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys

_LOOK_EVERY_S = 0.5
_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Run the command. Return its exit code, 127 without such a program, 128 + N where signal N killed it."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    signal.signal(signal.SIGTERM, lambda *_: None)  # the group was told: the command ends, and then we do
    try:
        child = subprocess.Popen(command, preexec_fn=_end_with_parent if sys.platform == "linux" else None)
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}.\n")
        return 127
    while True:
        try:
            code = child.wait(timeout=_LOOK_EVERY_S)
            return code if code >= 0 else 128 - code
        except subprocess.TimeoutExpired:
            if os.getppid() != parent:
                os.killpg(os.getpgrp(), signal.SIGKILL)


def _end_with_parent() -> None:
    """Have the kernel kill this process once its parent is gone. Source: prctl(2)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
