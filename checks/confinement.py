"""Started as a program of its own: lowers what it may use, then becomes the program it is told to start.

Arguments: most bytes of memory, most bytes of one file, most seconds of computing, then the command. Limits are set
here because a process with threads cannot safely run code between fork and exec. Standard library only.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Sequence

_HOW_MANY = 3


def confined(command: Sequence[str], *, memory_bytes: int, file_bytes: int, cpu_s: int) -> list[str]:
    """Return the argument list that starts a command under these limits."""
    limits = [str(number) for number in (memory_bytes, file_bytes, cpu_s)]
    return [sys.executable, "-I", "-S", __file__, *limits, *command]


def _lower(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    lowest = most if hard == resource.RLIM_INFINITY else min(most, hard)
    try:
        resource.setrlimit(what, (lowest, lowest))
    except (OSError, ValueError):
        if sys.platform != "darwin":  # which cannot limit memory this way
            raise


def _main(arguments: list[str]) -> None:
    memory_bytes, file_bytes, cpu_s = map(int, arguments[:_HOW_MANY])
    command = arguments[_HOW_MANY:]
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, file_bytes)
    _lower(resource.RLIMIT_CPU, cpu_s)
    _lower(resource.RLIMIT_AS, memory_bytes)
    os.execvp(command[0], command)  # noqa: S606  # an argument list, no shell


if __name__ == "__main__":
    _main(sys.argv[1:])
