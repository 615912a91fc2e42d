"""How long one rule may think: processor time, measured and ended inside this process.

A timer of the operating system interrupts Python code and its regular expressions, costs microseconds and needs
no second process. Code of other languages that never comes back cannot be interrupted so; the bot's processes are
killed for that. Outside the main thread, and on systems without such timers (Windows), nothing is limited.
"""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

RULE_LIMIT_S = 2.0
_AGAIN_S = 0.1  # an interruption can get lost where Python ignores exceptions, so it is repeated

T = TypeVar("T")


class OverranError(BaseException):
    """The time is up. No ordinary exception, so that no `except Exception` of the interrupted code takes it."""


class _Watch:
    """The one timer of the process, and whether it may interrupt right now."""

    running = False
    installed = False


def within(limit_s: float, work: Callable[[], T]) -> T:
    """Return what `work` returns. Raises OverranError once it has used `limit_s` seconds of the processor."""
    if not _can_interrupt():
        return work()
    try:
        _start(limit_s)
        try:
            return work()
        finally:
            _stop()
    except OverranError:
        _stop()  # the interruption may have come in the midst of the first
        raise


@contextmanager
def untimed() -> Iterator[None]:
    """What is loaded once in a process (a tokenizer, recognisers) is counted to no rule.

    It stays for good, so the garbage collector walks over none of it again: that took a fifth of every check.
    """
    if not _Watch.running or not _can_interrupt():
        yield
        gc.freeze()
        return
    left_s, _ = signal.getitimer(signal.ITIMER_VIRTUAL)
    _stop()
    try:
        yield
        gc.freeze()
    finally:
        _start(max(left_s, _AGAIN_S))


def _can_interrupt() -> bool:
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


def _start(limit_s: float) -> None:
    if not _Watch.installed:
        signal.signal(signal.SIGVTALRM, _interrupt)  # stays: a timer that runs out late must not end the process
        _Watch.installed = True
    _Watch.running = True
    signal.setitimer(signal.ITIMER_VIRTUAL, limit_s, _AGAIN_S)


def _stop() -> None:
    _Watch.running = False
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    if _Watch.running:
        raise OverranError
