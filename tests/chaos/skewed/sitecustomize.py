"""Moves the wall clock of a whole Python process, and of those it starts, by CHAOS_SKEW_S seconds.

Python imports a module of this name before anything else, where PYTHONPATH leads to it.
"""

from __future__ import annotations

import datetime as moments
import os
import time
from typing import Any

_SKEW = moments.timedelta(seconds=float(os.environ.get("CHAOS_SKEW_S", "0")))
_time, _time_ns, _datetime = time.time, time.time_ns, moments.datetime


class _Kind(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, _datetime)


class _Skewed(_datetime, metaclass=_Kind):
    @classmethod
    def now(cls, tz: moments.tzinfo | None = None) -> Any:
        return _datetime.now(tz) + _SKEW

    @classmethod
    def utcnow(cls) -> Any:
        return _datetime.now(moments.UTC).replace(tzinfo=None) + _SKEW


if _SKEW:
    moments.datetime = _Skewed  # type: ignore[misc]
    time.time = lambda: _time() + _SKEW.total_seconds()
    time.time_ns = lambda: _time_ns() + int(_SKEW.total_seconds() * 1e9)
