"""Structured logs: constant event names with fields; nothing secret, no contributor e-mail."""

from __future__ import annotations

import logging
import sys

import structlog

from pipeline import library_logs


def configure_logs(log_format: str, level: int = logging.INFO) -> None:
    """Write logs to standard error, for people ("console") or as JSON ("json"); those of libraries, too."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    library_logs.take_over(level)
