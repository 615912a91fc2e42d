"""What libraries log, in the form of our own lines: a constant name and fields, and nothing that people wrote.

Libraries put what they work on into their messages and errors: a comment, an address with a password. So a line has
where it was logged, the message only where that stands in the library's code as it is, and of an error its kind and
the way to it.
"""

from __future__ import annotations

import logging
import sys
import traceback
from types import FrameType

import structlog

_NAME = "taxonomy"
_WRAPPERS = 2  # of a logger's methods, around the call that has the message
_LEVELS = (logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO)

log = structlog.get_logger()


def take_over(level: int = logging.WARNING) -> None:
    """Have this process's libraries log by way of structlog, as that is configured, from a level on."""
    let_go()
    handler = _Teller(max(level, logging.WARNING))
    handler.set_name(_NAME)
    logging.getLogger().addHandler(handler)
    logging.captureWarnings(True)


def let_go() -> None:
    """Leave libraries to themselves again."""
    root = logging.getLogger()
    for handler in [each for each in root.handlers if each.get_name() == _NAME]:
        root.removeHandler(handler)
        logging.captureWarnings(False)


class _Teller(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        told = {"logger": record.name, "where": f"{record.module}.{record.funcName}:{record.lineno}"}
        if record.name == "py.warnings":
            told |= _of_a_warning(record)
        elif message := _constant_message(record):
            told["message"] = message
        if record.exc_info and record.exc_info[0] is not None:
            kind, _, way = record.exc_info
            told["exception"] = "".join(traceback.format_tb(way)) + kind.__name__
        elif kinds := [type(each).__name__ for each in record.args or () if isinstance(each, BaseException)]:
            told["exception"] = ", ".join(kinds)
        level = next((each for each in _LEVELS if record.levelno >= each), logging.DEBUG)
        log.log(level, "library.logged", **told)


def _of_a_warning(record: logging.LogRecord) -> dict[str, str]:
    """Return which kind of warning the code of which place gave; such a record has Python's line for it."""
    where, _, rest = record.getMessage().partition(": ")
    return {"where": where, "message": rest.partition(":")[0]}


def _constant_message(record: logging.LogRecord) -> str:
    """Return the message without its arguments if the library's code has it as a constant; else empty."""
    frame = _place_of(record)
    if frame is None or not isinstance(record.msg, str):
        return ""
    constants = [*frame.f_globals.values(), *frame.f_code.co_consts]
    for _ in range(_WRAPPERS):
        frame = frame.f_back
        if frame is None:
            break
        constants += frame.f_code.co_consts
    return record.msg if any(each is record.msg for each in constants) else ""


def _place_of(record: logging.LogRecord) -> FrameType | None:
    """Return the call that logged this, which still runs."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and (frame.f_code.co_filename, frame.f_code.co_name) != (
        record.pathname,
        record.funcName,
    ):
        frame = frame.f_back
    return frame
