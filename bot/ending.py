"""Child processes that end with this one, however it ends."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_LIBRARY = ctypes.CDLL(None)  # loaded before: between a fork and a program little is allowed


def _end_with_parent() -> None:
    """Have the kernel tell this process to go once its parent is gone, even killed. Source: prctl(2)."""
    _LIBRARY.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


# to be called in a child before its program begins; other systems have nothing like it
END_WITH_PARENT: Callable[[], None] | None = _end_with_parent if sys.platform == "linux" else None
