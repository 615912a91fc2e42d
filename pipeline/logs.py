"""A worker's logs: constant event names with fields, on standard error; nothing secret, no contributor's text."""

from __future__ import annotations

import logging
import sys

import structlog

from pipeline import library_logs
from pipeline.contract import JobSpec


def configure_logs(log_format: str) -> None:
    """Write lines for people ("console") or JSON ("json"), from this process and its libraries."""
    is_json = log_format == "json"
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer() if is_json else structlog.dev.ConsoleRenderer(colors=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    library_logs.take_over()


def name_in_logs(spec: JobSpec, trace: str = "") -> None:
    """Have every line from now on name the job, its attempt, and the trace that it belongs to."""
    structlog.contextvars.clear_contextvars()
    named = {"job": spec.job_id, "attempt": spec.attempt, "number": spec.number}
    structlog.contextvars.bind_contextvars(**named, **({"trace": trace} if trace else {}))
