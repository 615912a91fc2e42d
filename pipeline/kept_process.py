"""Runs a command that ends with the process that asked for it, however that one ends: `PARENT_PID COMMAND...`.

It is started as the leader of a session of its own, so that everything the command starts is in one group.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

_LOOK_EVERY_S = 0.5


def main() -> int:
    """Run the command. Return its exit code, 127 when there is no such program."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    signal.signal(signal.SIGTERM, lambda *_: None)  # the group was told: the command ends, and then we do
    try:
        child = subprocess.Popen(command)
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}.\n")
        return 127
    while True:
        try:
            return child.wait(timeout=_LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            if os.getppid() != parent:
                os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
